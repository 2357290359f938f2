"""Programs that show how fast trainui is, as ratios."""
