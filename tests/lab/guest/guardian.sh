# Outlives the runner, and clears away after it, however it ended: SIGKILL included. The runner holds the other end of stdin, and
# says there which process group is the machine's (an empty line: none any more).
# $1: the story's folder. $2: the terminal's settings, if a person's terminal is lent to the machine.
trap '' HUP INT QUIT TERM TTOU
group=
while read -r said; do group=$said; done
[ -z "$group" ] || kill -s KILL -- "-$group"
[ -z "$2" ] || stty "$2" </dev/tty 2>/dev/null # it complains of the speed, which a terminal without a line has not
rm -rf "$1"
