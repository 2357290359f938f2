"""A folded sweep on the run's page, whose members may be trials. Read `matrix_table` first."""
