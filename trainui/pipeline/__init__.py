"""Pipeline files: read, checked, expanded, filled in; pure logic that touches nothing."""
