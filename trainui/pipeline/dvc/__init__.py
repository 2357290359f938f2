"""DVC's pipeline files, read and written anew as pipeline files of trainui."""
