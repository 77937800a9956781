# SPDX-License-Identifier: Apache-2.0
PREFIX ?= /usr/local
GO ?= go
export CGO_ENABLED = 0
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION)
unitdir := $(DESTDIR)$(PREFIX)/lib/systemd/system
generatordir := $(unitdir)-generators

all: bin/mctl bin/machined-go bin/man ## build both programs and the man pages

# It begins there, before Go's run-time.
bin/mctl: LDFLAGS += -E machined-go/boot/sys/entry.enter
bin/mctl bin/machined-go: FORCE
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $@ ./cmd/$(@F)

bin/man: bin/mctl
	rm -rf $@ && mkdir -p $@ && bin/mctl man $@

check: ## what needs no privileges: vet, formatting, pure tests
	$(GO) vet ./...
	test -z "$$(gofmt -l .)"
	$(GO) test ./...

test: ## all tests: go test, and the lab with systemd 252, 257 and 262
	test/run

vm: ## tests that need a kernel of their own
	test/vm/run

bench: ## figures beside systemd-nspawn's, in one lab
	test/bench/run

conformance: ## the same calls to stock and to ours, as a table
	test/conformance/run

lint: ## static analysis
	$(GO) run honnef.co/go/tools/cmd/staticcheck@latest ./...

demo: ## run the main job once, from nothing to a machine that was on and is off
	test/demo/run

install: all ## copy to DESTDIR and PREFIX
	install -D -t $(DESTDIR)$(PREFIX)/bin bin/mctl bin/machined-go
	for m in bin/man/*.1 dist/man/*; do install -D -m644 -t $(DESTDIR)$(PREFIX)/share/man/man$${m##*.} $$m; done
	install -D -m644 -t $(DESTDIR)$(PREFIX)/share/machined-go dist/machine.toml.schema.json
	install -d $(unitdir)
	for u in dist/systemd/*; do \
		sed 's,/usr/bin/\(mctl\|machined-go\),$(PREFIX)/bin/\1,' $$u >$(unitdir)/$${u##*/}; done
	install -d $(generatordir)
	ln -sf ../../../bin/mctl $(generatordir)/machined-go-generator
	for c in bash/bash-completion/completions/mctl zsh/zsh/site-functions/_mctl fish/fish/vendor_completions.d/mctl.fish; do \
		bin/mctl completion $${c%%/*} | install -D -m644 /dev/stdin $(DESTDIR)$(PREFIX)/share/$${c#*/}; done
	# The bus and polkit look nowhere else, whatever PREFIX is; the activation of machine1 lies beside Debian's own, in lib.
	install -D -m644 -t $(DESTDIR)/usr/share/dbus-1/system.d dist/dbus/system.d/*
	install -D -m644 -t $(DESTDIR)/usr/share/dbus-1/system-services dist/dbus/system-services/org.machinedgo.service
	install -D -m644 -t $(DESTDIR)/usr/lib/dbus-1/system-services dist/dbus/system-services/org.freedesktop.machine1.service
	install -D -m644 -t $(DESTDIR)/usr/share/polkit-1/actions dist/polkit/*
FORCE:
.PHONY: all check test vm bench conformance lint demo install FORCE
