"""What the figures were measured on."""

import os
import re
import subprocess
import time


def _first(path, pattern, default="?"):
    try:
        with open(path, encoding="utf-8") as file:
            found = re.search(pattern, file.read(), re.M)
            return found.group(1).strip() if found else default
    except OSError:
        return default


def _output(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "?"


def lines(folder):
    memory = int(_first("/proc/meminfo", r"MemTotal:\s+(\d+)", "0")) // 1024
    yield f"date      {time.strftime('%Y-%m-%d %H:%M:%S %Z')}"
    cpu = _first("/proc/cpuinfo", r"^model name\s*:\s*(.*)$")
    system = _first("/etc/os-release", r'^PRETTY_NAME="?([^"\n]*)')
    yield f"machine   {cpu}, {os.cpu_count()} processors, {memory} MiB"
    yield f"system    {system}, Linux {os.uname().release}"
    yield f"store on  {_output('stat', '-f', '-c', '%T', folder)}"
    yield f"build     {_output('git', 'describe', '--always', '--dirty')}, release, {_output('clang++-19', '--version').splitlines()[0]}"
    yield f"beside    {_nginx()}"
    yield f"load      {os.getloadavg()[0]:.2f} before the start"


def _nginx():
    done = subprocess.run(["/usr/sbin/nginx", "-v"], capture_output=True, text=True, check=False)
    return done.stderr.strip().removeprefix("nginx version: ")
