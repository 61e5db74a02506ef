# A shell for a person, on the terminal that the host lends as /dev/hvc0. A word that fails must not end it, and so runs in a
# shell of its own.
load virtio_console
wait_for test -c /dev/hvc0
cat >/scratch/.rc <<'RC'
stty sane rows "$ROWS" cols "$COLS"
. /share/words
apart() { ("$@"); }
for word in host plug_drive unplug_drive fault change_disc node generic stick load; do alias $word="apart $word"; done
PS1='lab# '
cat <<TRY

A damaged disc lies in $(node hurt) ($(generic hurt)), and a fake stick is $(stick 0). Try:
  discrip $(node hurt) out.iso                      and: ddrescue -b 2048 -d $(node hurt) by-ddrescue.iso by-ddrescue.map
  isoflash /share/disc.iso $(stick 0)             and: isoverify /share/disc.iso $(stick 0)
  fault hurt 'read 100+8 sense=3/11/05 times=2'   the drive gets worse (docs/formats.md, "Fault rules")
  change_disc hurt /share/other.iso               change_disc hurt: takes it out
  fault hurt 'read 3000+1 gone=9000 times=1'      it falls off the bus, and is back in nine seconds
  unplug_drive hurt                               plug_drive hurt emulated:/share/disc.iso,clock=real,model=ideal
  host unplug stick0                              host plug stick0. Or: host after 5 unplug stick0
  host kill                                       a power cut. exit ends it; should nothing else help: Ctrl-A X
TRY
RC
export ROWS COLS MODULES PROGRAMS LAB_PROGRAM TERM HOME=/scratch HISTFILE=
setsid --ctty --wait bash --rcfile /scratch/.rc -i </dev/hvc0 >/dev/hvc0 2>&1
exit
