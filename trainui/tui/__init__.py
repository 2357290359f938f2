"""The screen: what a person sees and presses, over the store and `trainui.control`."""
