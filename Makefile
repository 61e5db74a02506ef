# What the virtual machines of tests/lab boot from; made in target/lab.
.PHONY: lab-setup
lab-setup: ; tests/lab/setup.sh
