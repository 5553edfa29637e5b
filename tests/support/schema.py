# SPDX-License-Identifier: BSD-2-Clause
"""JSON Schema as far as policy/record.schema.json uses it, and strict about it: a keyword not known here is an error.

    schema = Schema(json.load(file))
    schema.problems(record)        # ["results.dkim.0.result: \"perhaps\" is none of ...", ...]
    schema.example(leaf)           # a record with every member there is
"""

import json
import re

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
ANNOTATIONS = {"$schema", "$defs", "title", "description"}
KEYWORDS = {"$ref", "type", "required", "properties", "additionalProperties", "enum", "const", "pattern", "items",
            "prefixItems", "minItems", "maxItems", "minimum", "maximum"}


def is_integer(value):
    return isinstance(value, int) and not isinstance(value, bool)


def has_type(value, name):
    return is_integer(value) if name == "integer" else isinstance(value, TYPES[name])


class Schema:
    def __init__(self, root):
        self.root = root
        self.check_keywords(root)

    def check_keywords(self, schema):
        """Raises where a schema says something that would not be looked at."""
        unknown = set(schema) - KEYWORDS - ANNOTATIONS
        if unknown:
            raise ValueError(f"tests/support/schema.py does not know {sorted(unknown)}")
        nested = [*schema.get("properties", {}).values(), *schema.get("$defs", {}).values(), *schema.get("prefixItems", [])]
        nested += [schema[name] for name in ("items", "additionalProperties") if isinstance(schema.get(name), dict)]
        for part in nested:
            self.check_keywords(part)

    def resolve(self, schema):
        while "$ref" in schema:
            schema = self.root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
        return schema

    def problems(self, value):
        return [f"{'.'.join(path)}: {what}" for path, what in self.walk(value, self.root, ())]

    def walk(self, value, schema, path):
        schema = self.resolve(schema)
        wanted = schema.get("type", [])
        wanted = [wanted] if isinstance(wanted, str) else wanted
        if wanted and not any(has_type(value, name) for name in wanted):
            yield path, f"{json.dumps(value)[:60]} is no {' or '.join(wanted)}"
            return
        yield from ((path, what) for what in self.scalar(value, schema))
        if isinstance(value, dict):
            yield from self.walk_object(value, schema, path)
        if isinstance(value, list):
            yield from self.walk_array(value, schema, path)

    @staticmethod
    def scalar(value, schema):
        if "const" in schema and value != schema["const"]:
            yield f"{json.dumps(value)[:60]} is not {json.dumps(schema['const'])}"
        if "enum" in schema and value not in schema["enum"]:
            yield f"{json.dumps(value)[:60]} is none of {schema['enum']}"
        if "pattern" in schema and isinstance(value, str) and not re.search(schema["pattern"], value):
            yield f"{json.dumps(value)[:60]} does not match {schema['pattern']}"
        if is_integer(value) and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
            yield f"{value} is out of range"

    def walk_object(self, value, schema, path):
        properties, more = schema.get("properties", {}), schema.get("additionalProperties", True)
        for name in schema.get("required", []):
            if name not in value:
                yield path, f"no {name}"
        for name, member in value.items():
            if name in properties:
                yield from self.walk(member, properties[name], (*path, name))
            elif isinstance(more, dict):
                yield from self.walk(member, more, (*path, name))
            elif not more:
                yield path, f"{name} is not in the schema"

    def walk_array(self, value, schema, path):
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            yield path, f"{len(value)} items"
        first = schema.get("prefixItems", [])
        for index, item in enumerate(value):
            part = first[index] if index < len(first) else schema.get("items", {})
            yield from self.walk(item, part, (*path, str(index)))

    def names(self, schema=None):
        """Every member's name, at any depth."""
        schema = self.root if schema is None else schema
        found = set(schema.get("properties", {}))
        for part in filter(None, [*schema.get("properties", {}).values(), *schema.get("$defs", {}).values(), schema.get("items")]):
            found |= self.names(part)
        return found

    def example(self, leaf, schema=None, path=()):
        """A value with every member there is; leaf(path, schema) makes those that are neither object nor array."""
        schema = self.resolve(self.root if schema is None else schema)
        wanted = schema.get("type")
        if wanted == "array" and "prefixItems" in schema:
            return [self.example(leaf, part, (*path, str(index))) for index, part in enumerate(schema["prefixItems"])]
        if wanted == "array":
            return [self.example(leaf, schema["items"], (*path, "0"))]
        if wanted == "object" or isinstance(wanted, list) and "object" in wanted:
            made = {name: self.example(leaf, part, (*path, name)) for name, part in schema.get("properties", {}).items()}
            if isinstance(schema.get("additionalProperties"), dict):
                made["any"] = self.example(leaf, schema["additionalProperties"], (*path, "any"))
            return made
        return leaf(path, schema)
