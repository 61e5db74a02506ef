#!/usr/bin/perl
# capture.pl [PID FOLDER]: prints what this machine's /sys and /proc say of its block devices, one file or link a line:
# `sys/block/sda/size = 131072\n`, `sys/block/sda -> ../devices/...`. Paths count from the root; bytes that do not print, and
# the backslash, are escaped as in C. The mounts are those that process PID sees (this one's otherwise),
# and the names of files behind loop devices and of swap are as it sees them: FOLDER, by which they were set up, is its root.
# Reads nothing but /sys, /proc and the links in /dev. Perl as in Debian's perl-base, for its speed without KVM.
use strict;
use warnings;

my $pid = shift // 'self';
my $root = shift // '';
my %seen;

sub escaped {
    my ($bytes) = @_;
    $bytes =~ s/\\/\\\\/g;
    $bytes =~ s/\n/\\n/g;
    $bytes =~ s/\t/\\t/g;
    $bytes =~ s/([^\x20-\x7e])/sprintf '\\x%02x', ord $1/ge;
    return $bytes;
}

# A file or a link, if it is there and was not printed before.
sub show {
    my ($path, $file) = @_;
    $file //= "/$path";
    return if $seen{$path}++;
    my $target = readlink $file;
    return print escaped($path), ' -> ', escaped($target), "\n" if defined $target;
    return unless -f $file && open my $handle, '<', $file;
    binmode $handle;
    my $bytes = '';
    while (my $got = sysread $handle, $bytes, 65536, length $bytes) { }
    $bytes =~ s{^\Q$root\E/}{/}mg if $root && $path =~ m{^proc/swaps$|/backing_file$};
    print escaped($path), ' = ', escaped($bytes), "\n";
}

sub names {
    my ($folder) = @_;
    opendir my $handle, $folder or return ();
    return sort grep { !/^\.\.?$/ } readdir $handle;
}

# The folder that a link leads to, from the root, without a leading slash.
sub resolved {
    my ($path) = @_;
    my @parts;
    my @left = split m{/}, $path;
    while (@left) {
        my $part = shift @left;
        next if $part eq '' || $part eq '.';
        if ($part eq '..') { pop @parts; next }
        my $target = readlink join '/', '', @parts, $part;
        if (!defined $target) { push @parts, $part; next }
        @parts = () if $target =~ m{^/};
        unshift @left, split m{/}, $target;
    }
    return join '/', @parts;
}

# What a block device or a partition says of itself.
sub block {
    my ($folder) = @_;
    show("$folder/$_") for qw(dev size ro removable diskseq partition start uevent subsystem device);
    show("$folder/queue/$_") for qw(logical_block_size rotational);
    show("$folder/loop/$_") for qw(backing_file offset sizelimit autoclear);
    show("$folder/dm/$_") for qw(name uuid suspended);
    show("$folder/md/$_") for qw(level array_state raid_disks metadata_version);
    show("$folder/md/$_/block"), show("$folder/md/$_/state") for grep { /^dev-/ } names("/$folder/md");
    show("$folder/disksize"), show("$folder/backing_dev") if $folder =~ /zram/;
    for my $side (qw(slaves holders)) { show("$folder/$side/$_") for names("/$folder/$side") }
    for (names("/$folder")) { block("$folder/$_") if -e "/$folder/$_/partition" }
}

# What stands above a device: USB and all else, up to sys/devices.
sub ancestors {
    my ($folder) = @_;
    while ($folder =~ m{^sys/devices/.}) {
        show("$folder/$_") for qw(subsystem driver vendor model type state serial cid name vpd_pg80 idVendor idProduct manufacturer
            product speed version removable bDeviceClass bInterfaceClass bInterfaceSubClass bInterfaceProtocol bInterfaceNumber);
        $folder =~ s{/[^/]+$}{};
    }
}

# A loop device without a file says nothing.
my @disks = grep { !/^loop/ || -e "/sys/block/$_/loop/backing_file" } names('/sys/block');
for my $disk (@disks) {
    show("sys/block/$disk");
    my $folder = resolved("sys/block/$disk");
    block($folder);
    my $device = "$folder/device";
    ancestors(-e "/$device" ? resolved($device) : $folder);
}
for my $class ('sys/class/block', 'sys/dev/block') {
    for my $name (names("/$class")) {
        my $target = readlink "/$class/$name";
        show("$class/$name") if grep { $target =~ m{/block/\Q$_\E(/|$)} } @disks;
    }
}
for my $volume (grep { -d "/sys/fs/btrfs/$_/devices" } names('/sys/fs/btrfs')) {
    show("sys/fs/btrfs/$volume/label");
    show("sys/fs/btrfs/$volume/devices/$_") for names("/sys/fs/btrfs/$volume/devices");
}
show('proc/self/mountinfo', "/proc/$pid/mountinfo");
show("proc/$_") for qw(swaps mdstat);
for my $folder (qw(dev/mapper dev/disk/by-id dev/disk/by-label)) {
    for my $name (names("/$folder")) { show("$folder/$name") if -l "/$folder/$name" && $name !~ /^(scsi|wwn)-/ }
}
