"""Hydra takes launchers from this namespace alone; trainui's is in `trainui/plugins/hydra`."""

from trainui.plugins.hydra import launcher

launcher.register()  # each time that Hydra executes this module


class TrainuiLauncher(launcher.RunLauncher):
    """The launcher `trainui`."""
