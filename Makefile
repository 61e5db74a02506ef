# discsmith: see README.md. PREFIX and DESTDIR as usual.
PREFIX ?= /usr/local
UDEVDIR ?= /usr/lib/udev/rules.d

.PHONY: all test lint lab-setup lab compare lab-long trees bench bench-rescue memory install

all:
	cargo build --release

# Everything that can be tested here. What can't (the lab without lab-setup, a witness that is not installed) is named in a line.
test:
	cargo test --no-fail-fast --tests

lint:
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --no-deps

# What the virtual machines of tests/lab boot from, in target/lab. Installs packages (apt, root), so it is never done unasked.
lab-setup:
	tests/lab/setup.sh

# A shell in a virtual machine with a damaged disc in a drive and a bad stick, and what to try there; with SCRIPT=file it runs that
# instead (UML=1: in the faster machine, without the stick).
lab:
	@cargo test --quiet --test lab -- $(if $(SCRIPT),--run '$(SCRIPT)' $(if $(UML),--uml),--shell)

# The long tests: power cuts, kills, and random fault rules for so many hours; SEED=N repeats a night. `make test` holds a sample.
HOURS ?= 8
lab-long:
	cargo test --test lab -- --long --hours $(HOURS) $(if $(SEED),--seed $(SEED))

# Other people's programs and ours on the same twelve faults, in virtual machines; writes docs/comparison.md. Ten minutes.
compare:
	cargo test --test lab -- --compare

# Sets up disks in virtual machines and writes what /sys says of them to tests/trees; the tests take it from there.
trees:
	cargo test --test lab -- --trees

# isoflash against dd, cp and bmaptool on a device made in memory, as fast as that is and as slow as sticks; tables on stdout. Asks for root
# (loop devices) and 4 GiB of memory. A quarter of an hour; QUICK=1: two minutes.
bench:
	@cargo bench --quiet --bench speed -- $(if $(QUICK),--quick)

# discrip against GNU ddrescue on damaged discs, in an emulated drive's virtual time; tables on stdout, pictures in target/bench-rescue.
# Fifteen minutes; QUICK=1: one.
bench-rescue:
	@cargo bench --quiet --bench rescue -- $(if $(QUICK),--quick)

# Peak memory and time on a BD of 25 GB with 100,000 places of damage; IMAGE=FILE names the image (default /dev/null). Up to ten minutes.
memory:
	cargo build --release --bin discrip
	tests/bench/memory.sh $(IMAGE)

install:
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m755 target/release/discrip target/release/isoflash target/release/isoinspect target/release/isoverify $(DESTDIR)$(PREFIX)/bin
	install -Dm644 udev/70-discsmith.rules $(DESTDIR)$(UDEVDIR)/70-discsmith.rules
