"""The log pane (`control.logs` reads). Read `window_reader` first, then `view`."""
