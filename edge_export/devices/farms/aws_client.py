"""AWS Device Farm by boto3, with the user's own credentials. Each error is one line that says what to do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from edge_export.devices.farms.aws_records import Answer
from edge_export.errors import RequestError, one_line
from edge_export.spec.fields import all_problems

REGION = "us-west-2"
"""The only region that has Device Farm."""
_ARN = r"arn:aws:devicefarm:(?P<region>[a-z0-9-]+):\d*:(?P<kind>\w+):[\w./-]+"
_ATTEMPTS = 6
_LOG_IN = "run `aws configure`, or `aws sso login`, or set AWS_PROFILE"
_REMEDIES: dict[str, str] = {
    "AccessDeniedException": "allow this user the actions devicefarm:*, or those that the message names",
    "ArgumentException": "check the ARNs and the rules of --pool",
    "ExpiredTokenException": f"the credentials have expired: {_LOG_IN}",
    "IdempotencyException": "give another --name",
    "InvalidSignatureException": f"the secret key is wrong, or this machine's clock: {_LOG_IN}",
    "LimitExceededException": "wait until other runs have ended, or have the quota raised in AWS's Service Quotas",
    "NotFoundException": f"check the ARN; it must be one of this account, in {REGION}",
    "ServiceAccountException": "look at the account in AWS's console: billing, or Device Farm is not enabled",
    "ThrottlingException": "too many calls of this account: try again in a minute",
    "UnrecognizedClientException": f"the access key is unknown: {_LOG_IN}",
}
"""What to do, by the code of AWS's error."""


class Farm:
    """The calls of Device Farm. Those that AWS throttles are repeated for some seconds."""

    def __init__(self, profile: str | None = None) -> None:
        """Raises RequestError: boto3 is not installed, or there is no such profile."""
        try:
            import boto3
            from botocore.config import Config
            from botocore.exceptions import BotoCoreError
        except ImportError as error:
            raise RequestError("farm aws needs the package boto3: pip install edge_export[farm]") from error
        retries: Any = {"mode": "standard", "max_attempts": _ATTEMPTS}
        try:
            session = boto3.Session(profile_name=profile)
            self._client = session.client("devicefarm", region_name=REGION, config=Config(retries=retries))
        except BotoCoreError as error:
            raise RequestError(f"AWS: {one_line(error, 300)}: {_LOG_IN}") from error

    def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """Calls one operation, such as "get_run".

        Raises:
            RequestError: AWS refuses, or can't be reached.
        """
        from botocore.exceptions import (
            BotoCoreError,
            ClientError,
            ConnectionError,
            HTTPClientError,
            NoCredentialsError,
            ParamValidationError,
            PartialCredentialsError,
        )

        try:
            answer: dict[str, Any] = getattr(self._client, operation)(**arguments)
            return answer
        except ClientError as error:
            told = error.response.get("Error", {})
            code, message = str(told.get("Code", "")), one_line(told.get("Message", ""), 300)
            raise RequestError(
                f"AWS refuses {operation} ({code}: {message}): {_REMEDIES.get(code, _LOG_IN)}"
            ) from error
        except (NoCredentialsError, PartialCredentialsError) as error:
            raise RequestError(f"there are no AWS credentials ({one_line(error, 200)}): {_LOG_IN}") from error
        except ParamValidationError as error:
            raise RequestError(f"{operation}: {one_line(error, 300)}: check the ARNs") from error
        except (ConnectionError, HTTPClientError) as error:
            raise RequestError(f"AWS can't be reached ({one_line(error, 200)}): check the network") from error
        except BotoCoreError as error:
            raise RequestError(f"AWS: {one_line(error, 300)}: {_LOG_IN}") from error

    def ask[A: Answer](self, operation: str, key: str, record: type[A], **arguments: Any) -> A:
        """Returns the part `key` of an answer. Raises RequestError as `call`, or if it is another one than expected."""
        return _read(operation, self.call(operation, **arguments).get(key), record)

    def list_all[A: Answer](self, operation: str, key: str, record: type[A], **arguments: Any) -> list[A]:
        """Returns the entries `key` of all pages of a list. Raises RequestError as `ask`."""
        found: list[A] = []
        token: dict[str, Any] = {}
        while True:
            answer = self.call(operation, **arguments, **token)
            found += [_read(operation, entry, record) for entry in answer.get(key, [])]
            if not answer.get("nextToken"):
                return found
            token = {"nextToken": answer["nextToken"]}


def _read[A: Answer](operation: str, found: object, record: type[A]) -> A:
    try:
        return record.model_validate(found)
    except ValidationError as error:
        raise all_problems(Path(f"AWS's answer to {operation}"), error) from error


def checked_arn(text: str, kind: str, option: str) -> str:
    """Returns an ARN of Device Farm.

    Args:
        kind: "project", "devicepool" or "run".
        option: What the user gave it as.

    Raises:
        RequestError: It is no ARN, or one of another kind or region.
    """
    match = re.fullmatch(_ARN, text)
    if match is None or match["kind"] != kind:
        raise RequestError(
            f"{option} {one_line(text, 120)} is no ARN of a {kind}: give arn:aws:devicefarm:{REGION}:…:{kind}:…"
        )
    if match["region"] != REGION:
        raise RequestError(f"{option} is in {match['region']}, and Device Farm is in {REGION} only: check the ARN")
    return text
