"""Growing files, and how each is decoded: read `tail` first, then `decoder_choice`.

`peek` looks at files that are not followed.
"""
