"""Prints docs/reference/api-python.md, from the docstrings and comments of clients/python/holdfast. Reads the sources; imports nothing of them."""

import ast
import os
import sys

PACKAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "clients", "python", "holdfast")


def main():
    init = read("__init__.py")
    tree = ast.parse(init)
    names = exported(tree)
    summary, _, rest = ast.get_docstring(tree).partition("\n\n")
    out = ["# The Python module", "This page is written from the docstrings of `clients/python/holdfast` by `npm run docs`.", summary, prose(rest)]
    found = {}
    for file in sorted(os.listdir(PACKAGE)):
        if file.endswith(".py") and file != "__init__.py":
            text = read(file)
            found.update({node.name: (node, text) for node in ast.parse(text).body if hasattr(node, "name")})
    constants = {}
    for _, text in found.values():
        for node in ast.parse(text).body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                constants[node.targets[0].id] = node.value
    functions = sorted(name for name in names if isinstance(found[name][0], ast.FunctionDef))
    for name in functions + sorted(set(names) - set(functions)):
        out += section(*found[name], constants)
    sys.stdout.write("\n\n".join(part for part in out if part) + "\n")


def read(name):
    with open(os.path.join(PACKAGE, name), encoding="utf-8") as file:
        return file.read()


def exported(tree):
    for node in tree.body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "__all__":
            return ast.literal_eval(node.value)
    raise SystemExit("no __all__")


def prose(text):
    """What is indented is an example."""
    parts = []
    for block in text.split("\n\n"):
        example = all(line.startswith("    ") for line in block.split("\n"))
        if example and parts and parts[-1].startswith("```"):
            parts[-1] = parts[-1][: -len("\n```")] + "\n\n" + dedent(block) + "\n```"
        else:
            parts.append(f"```python\n{dedent(block)}\n```" if example else block)
    return "\n\n".join(parts)


def dedent(block):
    return "\n".join(line[4:] for line in block.split("\n"))


def section(node, text, constants):
    if isinstance(node, ast.FunctionDef):
        return [f"## `holdfast.{node.name}`", f"```python\nholdfast.{signature(node, constants)}\n```", prose(ast.get_docstring(node) or "")]
    parts = [f"## `holdfast.{node.name}`", prose(ast.get_docstring(node) or ""), fields(node, text)]
    for member in node.body:
        if isinstance(member, ast.FunctionDef) and not member.name.startswith("_"):
            is_property = any(getattr(decorator, "id", "") == "property" for decorator in member.decorator_list)
            shown = member.name if is_property else signature(member, constants)
            parts += [f"### `{node.name}.{member.name}`", f"```python\n{node.name.lower()}.{shown}\n```", prose(ast.get_docstring(member) or "")]
    return parts


def signature(node, constants):
    """As a caller sees it: defaults by value, not by the name of a constant."""
    arguments = [argument.arg for argument in node.args.args if argument.arg != "self"]
    defaults = [ast.unparse(constants.get(getattr(value, "id", None), value)) for value in node.args.defaults]
    plain = len(arguments) - len(defaults)
    shown = arguments[:plain] + [f"{name}={value}" for name, value in zip(arguments[plain:], defaults)]
    if node.args.kwarg is not None:
        shown.append(f"**{node.args.kwarg.arg}")
    return f"{node.name}({', '.join(shown)})"


def fields(node, text):
    """Annotated fields, and the public attributes that the constructor sets, with the `#:` comments above them."""
    lines = text.split("\n")
    rows = []
    for member in node.body:
        if isinstance(member, ast.AnnAssign):
            rows.append((member.target.id, ast.unparse(member.annotation), comment_above(lines, member.lineno)))
    constructor = next((member for member in node.body if getattr(member, "name", "") == "__init__"), None)
    for statement in constructor.body if constructor else []:
        target = statement.targets[0] if isinstance(statement, ast.Assign) else None
        if isinstance(target, ast.Attribute) and not target.attr.startswith("_"):
            rows.append((target.attr, "", comment_above(lines, statement.lineno)))
    if not rows:
        return ""
    table = [f"| `{name}` | {f'`{kind}`' if kind else ''} | {comment} |" for name, kind, comment in rows]
    return "\n".join(["| field | type | |", "|---|---|---|", *table])


def comment_above(lines, number):
    comments = []
    for line in reversed(lines[: number - 1]):
        if not line.strip().startswith("#: "):
            break
        comments.insert(0, line.strip()[3:])
    return " ".join(comments)


main()
