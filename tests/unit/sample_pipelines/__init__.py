"""Tests of the sample pipelines: their scripts run as the processes they are."""
