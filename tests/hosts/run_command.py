"""Runs a component that exports `wasi:cli/run`, with this process's arguments, environment, standard streams and working directory.

Usage: python run_command.py COMPONENT [ARGUMENT]...
"""

import os
import sys
from pathlib import Path

from wasmtime import Config, Engine, Store, WasiConfig
from wasmtime.component import Component, Linker

component, *arguments = sys.argv[1:]
config = Config()
config.cache = True
engine = Engine(config)
linker = Linker(engine)
linker.add_wasip2()
linker.add_wasi_http()
wasi = WasiConfig()
wasi.argv = [Path(component).name, *arguments]
wasi.env = list(os.environ.items())
wasi.inherit_stdin()
wasi.inherit_stdout()
wasi.inherit_stderr()
wasi.preopen_dir(".", ".")
with Store(engine) as store:
    store.set_wasi(wasi)
    store.set_wasi_http()
    command = Component.from_file(engine, component)
    instance = linker.instantiate(store, command)
    interface = command.get_export_index("wasi:cli/run@0.2.0")
    run = instance.get_func(store, command.get_export_index("run", interface))
    result = run(store)
    run.post_return(store)
sys.exit(0 if result.tag == "ok" else 1)
