# A thin index of commands. The set-up is scripts/setup.sh; options pass through ARGS:
#   make lab ARGS="--no-browser --port 9000"
PYTEST = .venv/bin/python -m pytest -n 2 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help setup lab test build verify bench lock

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

setup: ## create .venv and install everything; nothing happens when that is done
	@sh scripts/setup.sh

lab: setup ## open JupyterLab on the lessons
	.venv/bin/python -m jupyterlab --notebook-dir notebooks --LabApp.news_url=None $(ARGS)

test: setup ## run the tests (ARGS="-m slow" for the slow ones)
	$(PYTEST) -m "not slow" $(ARGS)

build: setup ## solutions -> notebooks and answers (ARGS="--check" compares only)
	.venv/bin/course build $(ARGS)

verify: setup ## prove every exercise right (ARGS="04_ddpm" for one lesson)
	.venv/bin/course verify $(ARGS)

bench: setup ## the side-by-side measurements
	.venv/bin/python -m benchmarks $(ARGS)

lock: | .venv/bin/uv ## resolve pyproject.toml anew into requirements.lock (ARGS="--upgrade")
	.venv/bin/uv pip compile pyproject.toml --extra dev --universal --python-version 3.10 \
		--no-emit-index-url --no-annotate --no-header -o requirements.lock $(ARGS)

.venv/bin/uv:
	@sh scripts/setup.sh
