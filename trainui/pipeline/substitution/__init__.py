"""`${...}`: parsed, checked and replaced, in two phases; secrets are masked here.

Read `phases` first, then `template`.
"""
