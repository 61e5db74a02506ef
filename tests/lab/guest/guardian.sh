# Outlives the runner, and clears away after it, however it ended: SIGKILL included. So it makes the two folders itself, the story's and
# a short one for sockets, and says where they are. The runner holds the other end of stdin, and says there which process group is the
# machine's (an empty line: none any more).
# $1: where the story's folder is to be. $2: the terminal's settings, if a person's terminal is lent to the machine.
trap '' HUP INT QUIT PIPE TERM TTOU
folder='' sockets='' group=''
folder=$(mktemp -d "$1/lab-XXXXXX") && sockets=$(mktemp -d -t lab-XXXXXX) && printf '%s\n' "$folder" "$sockets" 2>/dev/null
exec >/dev/null
while read -r said; do group=$said; done
[ -z "$group" ] || kill -s KILL -- "-$group"
[ -z "$2" ] || stty "$2" </dev/tty 2>/dev/null # it complains of the speed, which a terminal without a line has not
rm -rf "$folder" "$sockets"
