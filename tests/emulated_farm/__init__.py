"""AWS Device Farm as boto3 sees it: its JSON protocol over HTTP, with emulated phones, and faults on request."""
