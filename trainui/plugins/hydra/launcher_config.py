"""The launcher's configuration, `hydra.launcher`."""

from dataclasses import dataclass

from hydra.core.config_store import ConfigStore


@dataclass
class TrainuiLauncherConf:
    """The fields of `hydra.launcher`: those of a stage, for every job."""

    _target_: str = "hydra_plugins.trainui_launcher.TrainuiLauncher"
    name: str = "${hydra.job.name}"
    """The run's name, and the stage's."""

    gpus: int | None = None
    """GPUs of a job; None: one, if this machine has any."""

    cpus: int = 1
    """CPU slots of a job."""

    retries: int = 0
    """Automatic attempts of a failed job."""

    timeout: str | None = None
    """Longest time of an attempt, e.g. `12h`."""


def register() -> None:
    """Add to Hydra's store the launcher's configuration."""
    ConfigStore.instance().store(
        group="hydra/launcher",
        name="trainui",
        node=TrainuiLauncherConf,
        provider="trainui",
    )
