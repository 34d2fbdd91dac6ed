"""Prints what SAM makes of the template: transform.py TEMPLATE NAME=VALUE...

AWS does this with a deployed template, by the same library. The code is not uploaded, so it gets an address.
"""

import json
import sys

from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform


class NoManagedPolicies:
    """The template names no policy of AWS by its short name."""

    def load(self):
        return {}


def main(path, *values):
    with open(path, encoding="utf-8") as file:
        template = yaml_parse(file.read())
    parameters = {
        name: parameter["Default"]
        for name, parameter in template["Parameters"].items()
        if "Default" in parameter
    }
    parameters.update(value.split("=", 1) for value in values)
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/code"
        elif resource["Type"] == "AWS::Serverless::Application":
            resource["Properties"]["Location"] = "https://bucket.s3.amazonaws.com/template"
    print(json.dumps(transform(template, parameters, NoManagedPolicies())))


main(*sys.argv[1:])
