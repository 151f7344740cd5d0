# Needs Python 3.11 or newer with venv, and a package index. Nothing is installed outside this folder.

PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done)
VENV := .venv
BIN := $(VENV)/bin
PLUGINS := $(patsubst %/setup.cfg,%,$(wildcard qplug_*/setup.cfg))
DISTRIBUTIONS := . $(PLUGINS:%=./%)
METADATA := setup.cfg pyproject.toml $(PLUGINS:%=%/setup.cfg) $(PLUGINS:%=%/pyproject.toml)
SERVERS := .servers
SOURCES := qplug $(PLUGINS) tests $(wildcard benchmarks demo)

# Tests use all processors: make test JOBS=0 uses this one, and ARGS='-k store' chooses tests.
JOBS ?= auto
ARGS ?=

.PHONY: help demo demo-kill demo-linux demo-melange test test-long test-servers bench bench-bus bench-linux bench-quantum lint format wheels test-wheels clean

help:
	@echo 'make demo         the main job on SQLite, in a folder that is gone afterwards'
	@echo 'make demo-kill    a command that is killed half-way, and how what it left is put right'
	@echo 'make demo-linux   real bridges, NAT and DHCP in network namespaces, without root where that is allowed'
	@echo 'make demo-melange the main job with addresses and MACs of a Melange server, which stands in'
	@echo 'make test         lint and all tests; what needs a missing server is skipped'
	@echo 'make test-long    the same, where a test at scale takes all the rows it can, and crashes run on all databases'
	@echo 'make test-servers the real Neutron and Keystone that some tests need, in .servers'
	@echo 'make bench        how fast it is on each database; ARGS=--quick in a minute or two'
	@echo 'make bench-bus    what it costs to have a service do it, over RabbitMQ and PostgreSQL; ARGS=--quick'
	@echo 'make bench-linux  what a host costs: rules, DHCP from the call to the answer, a start; ARGS=--quick'
	@echo 'make bench-quantum what threads gain while a network service takes its time'
	@echo 'make lint         ruff, mypy and the arrows between the modules'
	@echo 'make format       let ruff write the code'
	@echo 'make wheels       build every distribution into dist/'
	@echo 'make test-wheels  the tests against those wheels'
	@echo 'make clean        remove what all of these made'

demo: $(VENV)/.installed
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh demo/demo.sh

demo-kill: $(VENV)/.installed
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh demo/kill.sh

demo-linux: $(VENV)/.installed
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh demo/linux.sh

demo-melange: $(VENV)/.installed
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh demo/melange.sh

test: lint
	$(BIN)/pytest -n $(JOBS) --dist worksteal $(ARGS)

test-long: lint
	QPLUG_TEST_LONG=1 $(BIN)/pytest -n $(JOBS) --dist worksteal $(ARGS)

# A real Neutron and a real Keystone for tests, each with a database to copy.
test-servers: $(SERVERS)/neutron.sqlite $(SERVERS)/keystone.template

$(SERVERS)/%/.installed: tests/servers/%.txt
	@test -n '$(PYTHON)' || { echo 'the servers need Python 3.11 or newer: make PYTHON=/path/to/python3'; exit 1; }
	rm -rf $(SERVERS)/$*
	@mkdir -p $(SERVERS)
	$(PYTHON) -m venv $(SERVERS)/$*
	$(SERVERS)/$*/bin/python -m pip install --quiet --no-deps --requirement $<
	@touch $@

$(SERVERS)/neutron.sqlite: $(SERVERS)/neutron/.installed tests/servers/neutron_tables.py \
		$(wildcard tests/servers/qplug_test_neutron/*.*)
	$(SERVERS)/neutron/bin/python -m pip install --quiet --no-deps --force-reinstall tests/servers/qplug_test_neutron
	rm -rf $@ $@.new tests/servers/qplug_test_neutron/build tests/servers/qplug_test_neutron/*.egg-info
	$(SERVERS)/neutron/bin/python tests/servers/neutron_tables.py $@.new
	@mv $@.new $@

$(SERVERS)/keystone.template: $(SERVERS)/keystone/.installed tests/servers/keystone_template.sh
	rm -rf $@ $@.new
	sh tests/servers/keystone_template.sh $(SERVERS)/keystone $@.new
	@mv $@.new $@

bench: $(VENV)/.tools
	@$(BIN)/python -m benchmarks $(ARGS)
	@$(MAKE) --no-print-directory bench-linux

# In namespaces of its own, so that it needs no root where user namespaces are allowed. Who is root
# is so in them too: others may not give the kernel the rules of many thousand vifs at once.
bench-linux: $(VENV)/.tools
	@PATH="$$PATH:/usr/sbin:/sbin" PYTHONPATH=tests/support unshare $$(test $$(id -u) = 0 || echo --user --map-root-user) \
		--net --mount --pid --fork --kill-child --mount-proc $(BIN)/python -m benchmarks.linux $(ARGS)

bench-bus: $(VENV)/.tools
	@$(BIN)/python -m benchmarks.bus $(ARGS)

bench-quantum: $(VENV)/.tools
	@$(BIN)/python -m benchmarks.quantum

lint: $(VENV)/.tools
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(SOURCES)
	$(BIN)/lint-imports --no-logo

format: $(VENV)/.tools
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(VENV)/.python:
	@test -n '$(PYTHON)' || { echo 'qplug needs Python 3.11 or newer: make PYTHON=/path/to/python3'; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo 'Python has no venv; on Debian: apt-get install python3-venv'; exit 1; }
	@touch $@

$(VENV)/.installed: $(VENV)/.python $(METADATA)
	$(BIN)/python -m pip install --quiet $(DISTRIBUTIONS:%=--editable %)
	@touch $@

$(VENV)/.tools: $(VENV)/.installed requirements-dev.txt
	$(BIN)/python -m pip install --quiet --editable '.[testing,postgresql,mysql,rpc]' -r requirements-dev.txt
	@touch $@

# setuptools puts what it finds in build/ into a wheel, files that were deleted since included.
wheels: $(VENV)/.python
	rm -rf dist $(DISTRIBUTIONS:%=%/build)
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist $(DISTRIBUTIONS)
	rm -rf $(DISTRIBUTIONS:%=%/build)

# Ours come from dist/ alone, before an index is asked for anything: a stranger may have our names there.
test-wheels: wheels
	rm -rf $(VENV)-wheels
	$(BIN)/python -m venv $(VENV)-wheels
	$(VENV)-wheels/bin/python -m pip install --quiet --no-deps --no-index --find-links dist dist/*.whl
	$(VENV)-wheels/bin/python -m pip install --quiet 'qplug-core[testing,postgresql,mysql,rpc]' $(subst _,-,$(PLUGINS)) -r requirements-dev.txt
	$(VENV)-wheels/bin/python -m pip check
	QPLUG_TEST_WHEELS=1 $(VENV)-wheels/bin/pytest -n $(JOBS) --dist worksteal $(ARGS)

clean:
	rm -rf $(VENV) $(VENV)-wheels $(SERVERS) dist $(DISTRIBUTIONS:%=%/build) $(DISTRIBUTIONS:%=%/.*_cache) .hypothesis .tox
	rm -rf *.egg-info $(PLUGINS:%=%/src/*.egg-info)
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
