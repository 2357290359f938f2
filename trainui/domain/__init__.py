"""The words of trainui: states, their transitions, and the frozen records that cross layers."""
