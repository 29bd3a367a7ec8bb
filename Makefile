# A thin index of commands. The set-up is scripts/setup.sh; options pass through ARGS:
#   make lab ARGS="--no-browser --port 9000"
PROXY = build/proxy/node_modules/.bin/configurable-http-proxy
PYTEST = .venv/bin/python -m pytest -n 2 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help setup lab test build verify bench lock classroom site

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' Makefile

setup: ## create .venv and install everything; nothing happens when that is done
	@sh scripts/setup.sh

lab: export JUPYTER_CONFIG_PATH ?= $(CURDIR)/course_utils/lab# it asks nobody about news
lab: setup ## open JupyterLab on the lessons
	.venv/bin/python -m jupyterlab --notebook-dir notebooks $(ARGS)

test: setup ## run the tests (ARGS="-m slow" for the slow ones)
	$(PYTEST) -m "not slow" $(ARGS)

build: setup ## solutions -> notebooks and answers (ARGS="--check" compares only)
	.venv/bin/course build $(ARGS)

verify: setup ## prove every exercise right (ARGS="04_ddpm" for one lesson)
	.venv/bin/course verify $(ARGS)

bench: setup ## the side-by-side measurements
	.venv/bin/python -m benchmarks $(ARGS)

site: setup ## lessons with solutions and outputs as pages, in build/site (ARGS="01_pytorch")
	.venv/bin/python -m grader.site --notebooks build/notebooks $(ARGS)

lock: | .venv/bin/uv ## resolve pyproject.toml anew into requirements.lock (ARGS="--upgrade")
	.venv/bin/uv pip compile pyproject.toml --extra dev --extra hub --universal --python-version 3.10 \
		--no-annotate --no-header -o requirements.lock $(ARGS)

classroom: setup $(PROXY) ## a class on JupyterHub, on this machine, to look at; Ctrl-C ends it
	.venv/bin/python -m grader.hub $(ARGS)

$(PROXY): export NODE_EXTRA_CA_CERTS ?= $(wildcard /etc/ssl/certs/ca-certificates.crt)
$(PROXY): # npm trusts what the system trusts, and gives up where there is no network
	@command -v npm >/dev/null || { echo "classroom: npm is missing; on Debian: apt install npm"; exit 1; }
	npm install --silent --no-fund --fetch-retries=1 --prefix build/proxy configurable-http-proxy@5.1.0

.venv/bin/uv:
	@sh scripts/setup.sh
