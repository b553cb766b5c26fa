"""The examples in the documents are parts of the files that the scenarios run."""
import re

EXAMPLE = re.compile(r"<!-- part of (\S+) -->\n```\w+\n(.*?)```", re.DOTALL)


def differences(root):
    """A line for each example that is not, word by word, in the file that it names."""
    found = []
    for document in sorted((root / "docs").glob("**/*.md")):
        for file, example in EXAMPLE.findall(document.read_text()):
            if example not in (root / file).read_text():
                found.append(f"{document.relative_to(root)}: an example is no longer part of {file}")
    return found
