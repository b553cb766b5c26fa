"""The images of the scenarios: built from this checkout, cached by the Docker daemon."""
import os
import shutil
import subprocess
import tempfile

from runner.engine import docker, run

TARGETS = ["service", "stock", "python", "python-samehost", "ruby", "rsyslog", "tools"]
PREFIX = "samehost-interop/"
LABEL = "samehost-interop=image"


def build(root, work):
    """Builds what changed. Returns {image that cannot be had: why}."""
    subprocess.run([root / "scripts/build", "release", "--tests", "interop-programs"], check=True)
    context = work / "context"
    shutil.rmtree(context, ignore_errors=True)
    for component, folder in (("samehost", "samehost"), ("grpc", "samehost"), ("interop", "programs")):
        run("cmake", "--install", root / "build/release", "--prefix", context / folder,
            "--component", component, "--strip")
    shutil.copytree(root / "interop-tests/peers", context / "peers")
    shutil.copy(root / "interop-tests/programs/interop.proto", context / "peers")
    missing = {}
    targets = list(TARGETS)
    why = node_modules(root, work, context)
    if why:
        missing["node"] = why
    else:
        targets.append("node")
    base = base_image(root)
    for target in targets:
        print(f"image: {PREFIX}{target}", flush=True)
        run("docker", "build", "-q", "-f", root / "interop-tests/Dockerfile", "--target", target,
            "--build-arg", f"BASE={base}", "--build-arg", f"LIBRARIES={libraries()}",
            "--label", LABEL, "-t", PREFIX + target, context, timeout=1200)
    docker("image", "prune", "-f", "--filter", f"label={LABEL}")  # what these have replaced
    return missing


def libraries():
    """The packages of the libraries that the build linked to."""
    packages = run("dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\\n",
                   "libgrpc++1*", "libprotobuf[0-9]*", "libzmq5*", check=False)
    return " ".join(line.split()[0] for line in packages.splitlines()
                    if line.endswith(" installed"))


def node_modules(root, work, context):
    """Puts the packages of the Node peer into the context; else returns why not."""
    if shutil.which("npm") is None:
        return "there is no npm on this machine"
    cached = work / "node"
    for name in ("package.json", "package-lock.json"):
        source, copy = root / "interop-tests/peers/node" / name, cached / name
        if not copy.exists() or copy.read_bytes() != source.read_bytes():
            shutil.rmtree(cached, ignore_errors=True)
            break
    if not (cached / "node_modules").exists():
        cached.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(root / "interop-tests/peers/node" / name, cached)
        try:
            run("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", cwd=cached, timeout=180)
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            shutil.rmtree(cached, ignore_errors=True)
            return "npm could not install the packages of the Node peer: " + str(error).strip().splitlines()[-1]
    shutil.copytree(cached / "node_modules", context / "node_modules")
    return None


def release():
    with open("/etc/os-release") as file:
        fields = dict(line.rstrip("\n").split("=", 1) for line in file if "=" in line)
    return {key: value.strip('"') for key, value in fields.items()}


def base_image(root):
    """The official image of the release that the programs were built on; where it cannot be
    pulled, the same made by debootstrap."""
    system = release()
    if system["ID"] == "debian":
        name = f"debian:{system['VERSION_CODENAME']}-slim"
    else:
        name = f"{system['ID']}:{system['VERSION_ID']}"
    if docker("images", "-q", name).strip():
        return name
    print(f"image: {name}", flush=True)
    pulled = subprocess.run(["timeout", "120", "docker", "pull", "-q", name], capture_output=True)
    if pulled.returncode != 0:
        print(f"image: {name} cannot be pulled; making it with debootstrap", flush=True)
        bootstrap(root, name, system["VERSION_CODENAME"])
    return name


def bootstrap(root, name, codename):
    if shutil.which("debootstrap") is None:
        subprocess.run([root / "scripts/install-packages", "--", "debootstrap"], check=True)
    # Where this machine gets its own packages of the release.
    origin = {"debian": "Debian", "ubuntu": "Ubuntu"}[release()["ID"]]
    targets = run("apt-get", "indextargets", "--format",
                  "$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)", "Identifier: Packages")
    sources = [line.split() for line in targets.splitlines() if line.split()[0] == origin]
    archive = next(uri for _, uri, suite, _ in sources if suite == codename)
    with tempfile.TemporaryDirectory() as folder:
        tree = os.path.join(folder, "root")
        run("debootstrap", "--variant=minbase", codename, tree, archive)
        with open(os.path.join(tree, "etc/apt/sources.list"), "w") as file:
            file.writelines(f"deb {uri} {suite} {component}\n"
                            for _, uri, suite, component in sources)
        shutil.rmtree(os.path.join(tree, "var/cache/apt/archives"))
        os.makedirs(os.path.join(tree, "var/cache/apt/archives/partial"))
        archive = subprocess.Popen(["tar", "-C", tree, "-c", "."], stdout=subprocess.PIPE)
        run("docker", "import", "-", name, stdin=archive.stdout)
