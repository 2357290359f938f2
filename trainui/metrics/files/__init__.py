"""Growing files, and how each is decoded: read `tail` first, then `decoder_choice`.

`lenient_files` looks at files that are not followed.
"""
