// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// options are what a mount's options mean.
type options struct {
	flags            uintptr  // of mount(2)
	data             []string // the file system's own
	bind, recursive  bool
	remount          bool
	set, clear       uint64 // MOUNT_ATTR_…
	setAll, clearAll uint64
	propagation      []uintptr
	idmap            bool
	recursiveIDMap   bool
}

// option is one that sets or clears a flag; attr is the same as an attribute of a mount, with an "r" before the name also of those
// below.
type option struct {
	flag  uintptr
	attr  uint64
	clear bool
}

var optionTable = map[string]option{
	"defaults":      {},
	"ro":            {unix.MS_RDONLY, unix.MOUNT_ATTR_RDONLY, false},
	"rw":            {unix.MS_RDONLY, unix.MOUNT_ATTR_RDONLY, true},
	"nosuid":        {unix.MS_NOSUID, unix.MOUNT_ATTR_NOSUID, false},
	"suid":          {unix.MS_NOSUID, unix.MOUNT_ATTR_NOSUID, true},
	"nodev":         {unix.MS_NODEV, unix.MOUNT_ATTR_NODEV, false},
	"dev":           {unix.MS_NODEV, unix.MOUNT_ATTR_NODEV, true},
	"noexec":        {unix.MS_NOEXEC, unix.MOUNT_ATTR_NOEXEC, false},
	"exec":          {unix.MS_NOEXEC, unix.MOUNT_ATTR_NOEXEC, true},
	"noatime":       {unix.MS_NOATIME, unix.MOUNT_ATTR_NOATIME, false},
	"atime":         {unix.MS_NOATIME, unix.MOUNT_ATTR__ATIME, true},
	"nodiratime":    {unix.MS_NODIRATIME, unix.MOUNT_ATTR_NODIRATIME, false},
	"diratime":      {unix.MS_NODIRATIME, unix.MOUNT_ATTR_NODIRATIME, true},
	"relatime":      {unix.MS_RELATIME, unix.MOUNT_ATTR__ATIME, false},
	"norelatime":    {unix.MS_RELATIME, unix.MOUNT_ATTR__ATIME, true},
	"strictatime":   {unix.MS_STRICTATIME, unix.MOUNT_ATTR_STRICTATIME, false},
	"nostrictatime": {unix.MS_STRICTATIME, unix.MOUNT_ATTR__ATIME, true},
	"nosymfollow":   {unix.MS_NOSYMFOLLOW, unix.MOUNT_ATTR_NOSYMFOLLOW, false},
	"symfollow":     {unix.MS_NOSYMFOLLOW, unix.MOUNT_ATTR_NOSYMFOLLOW, true},
	"async":         {unix.MS_SYNCHRONOUS, 0, true},
	"sync":          {unix.MS_SYNCHRONOUS, 0, false},
	"dirsync":       {unix.MS_DIRSYNC, 0, false},
	"iversion":      {unix.MS_I_VERSION, 0, false},
	"noiversion":    {unix.MS_I_VERSION, 0, true},
	"lazytime":      {unix.MS_LAZYTIME, 0, false},
	"nolazytime":    {unix.MS_LAZYTIME, 0, true},
	"mand":          {unix.MS_MANDLOCK, 0, false},
	"nomand":        {unix.MS_MANDLOCK, 0, true},
	"loud":          {unix.MS_SILENT, 0, true},
	"silent":        {unix.MS_SILENT, 0, false},
}

var propagations = map[string]uintptr{
	"private": unix.MS_PRIVATE, "rprivate": unix.MS_PRIVATE | unix.MS_REC, "slave": unix.MS_SLAVE, "rslave": unix.MS_SLAVE | unix.MS_REC,
	"shared": unix.MS_SHARED, "rshared": unix.MS_SHARED | unix.MS_REC,
	"unbindable": unix.MS_UNBINDABLE, "runbindable": unix.MS_UNBINDABLE | unix.MS_REC,
}

func (t *translation) readOptions(field string, m specs.Mount) (o options, err error) {
	for _, name := range m.Options {
		if t.special(field, name, &o) {
			continue
		}
		if opt, ok := optionTable[name]; ok {
			o.apply(opt)
		} else if opt, ok := optionTable[strings.TrimPrefix(name, "r")]; ok && opt.attr != 0 && strings.HasPrefix(name, "r") {
			o.applyAll(opt)
		} else {
			o.data = append(o.data, name)
		}
	}
	if m.Type == "proc" && len(o.data) > 0 {
		return o, refuse(field, "%q: options of proc are not supported yet", strings.Join(o.data, ","))
	}
	if (o.bind || m.Type == "bind") && len(o.data) > 0 {
		t.note(field, "%s: no option of a bind mount, ignored", strings.Join(o.data, ","))
	}
	if len(o.propagation) == 0 {
		o.propagation = []uintptr{unix.MS_PRIVATE | unix.MS_REC}
	}
	return o, nil
}

// special takes the options that are neither flags nor the file system's own.
func (t *translation) special(field, name string, o *options) bool {
	switch name {
	case "bind":
		o.bind = true
	case "rbind":
		o.bind, o.recursive = true, true
	case "remount":
		o.remount = true
	case "idmap":
		o.idmap = true
	case "ridmap":
		o.idmap, o.recursiveIDMap = true, true
	case "tmpcopyup":
		t.note(field, "tmpcopyup: "+ignored)
	default:
		how, ok := propagations[name]
		if !ok {
			return false
		}
		if how&unix.MS_SHARED != 0 && t.container.Users == nil {
			t.note(field, "%s: what the container mounts there does not reach the host", name)
		}
		o.propagation = append(o.propagation, how)
	}
	return true
}

func (o *options) apply(opt option) {
	if opt.clear {
		o.flags &^= opt.flag
		o.set, o.clear = o.set&^opt.attr, o.clear|opt.attr
		return
	}
	o.flags |= opt.flag
	o.set, o.clear = setAttr(o.set, o.clear, opt.attr)
}

func (o *options) applyAll(opt option) {
	if opt.clear {
		o.setAll, o.clearAll = o.setAll&^opt.attr, o.clearAll|opt.attr
		return
	}
	o.setAll, o.clearAll = setAttr(o.setAll, o.clearAll, opt.attr)
}

// setAttr sets an attribute. How times are noted is not a bit but a number, of which 0 is relatime: it is replaced as a whole.
func setAttr(set, clear, attr uint64) (uint64, uint64) {
	if attr&unix.MOUNT_ATTR__ATIME != 0 {
		set &^= unix.MOUNT_ATTR__ATIME
		clear |= unix.MOUNT_ATTR__ATIME
		if attr == unix.MOUNT_ATTR__ATIME {
			attr = 0
		}
	}
	return set | attr, clear &^ attr
}

// flagAttributes are those of the flags that a new file system's mount gets later, as attributes.
func (o *options) flagAttributes() uint64 {
	if o.flags&unix.MS_RDONLY != 0 {
		return unix.MOUNT_ATTR_RDONLY
	}
	return 0
}
