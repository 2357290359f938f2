"""The pages of the screen and what is asked on top of them."""
