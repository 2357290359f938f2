"""A second executor: a directory in which another process picks jobs up, as a cluster would."""
