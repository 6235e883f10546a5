"""The test spec of AWS Device Farm: what its host runs for one phone."""

from __future__ import annotations

_SPEC = """\
version: 0.1
{host}
phases:
  test:
    commands:
      - |-
{command}
artifacts:
  - $DEVICEFARM_LOG_DIR
"""


def spec_file(host: str, script: str) -> str:
    """Returns a spec that runs one shell script.

    Args:
        host: Its line that names the host, such as "android_test_host: amazon_linux_2".
    """
    command = "\n".join(f"        {line}".rstrip() for line in script.strip().splitlines())
    return _SPEC.format(host=host, command=command)
