// SPDX-License-Identifier: Apache-2.0

package userns

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

const capabilityAttr = "security.capability"

// accessAttrs are the access control lists of a file (acl(5)).
var accessAttrs = []string{"system.posix_acl_access", "system.posix_acl_default"}

// maxAttribute is what the kernel takes for one (XATTR_SIZE_MAX).
const maxAttribute = 64 << 10

// attribute reads an extended attribute; nil if there is none.
func attribute(path, name string) []byte {
	size, err := unix.Getxattr(path, name, nil)
	if err != nil || size <= 0 || size > maxAttribute {
		return nil
	}
	value := make([]byte, size)
	if size, err = unix.Getxattr(path, name, value); err != nil {
		return nil
	}
	return value[:size]
}

// Versions of file capabilities (struct vfs_ns_cap_data of linux/capability.h): those of the second one count everywhere but in user
// namespaces whose root is not the host's, those of the third only where the root is a certain id, which is behind the rest.
const (
	capVersionMask        = 0xff000000
	capVersion2           = 0x02000000
	capVersion3           = 0x03000000
	capSize2, capSize3    = 20, 24
	aclVersion            = 2
	aclHead, aclEntry     = 4, 8
	aclTagUser, aclTagGrp = 0x02, 0x08
)

// ownedBy makes file capabilities count for the machine whose root is the id base; nil for what are none.
func ownedBy(data []byte, base uint32) []byte {
	if len(data) != capSize2 && len(data) != capSize3 {
		return nil
	}
	head := binary.LittleEndian.Uint32(data) &^ capVersionMask
	body := data[4:capSize2:capSize2]
	if base == 0 {
		return append(binary.LittleEndian.AppendUint32(nil, head|capVersion2), body...)
	}
	return binary.LittleEndian.AppendUint32(append(binary.LittleEndian.AppendUint32(nil, head|capVersion3), body...), base)
}

// shiftedACL is an access control list for ids of the range from base on (linux/posix_acl_xattr.h); nil if it is none, or for these already.
func shiftedACL(list []byte, base uint32) []byte {
	if len(list) < aclHead || (len(list)-aclHead)%aclEntry != 0 || binary.LittleEndian.Uint32(list) != aclVersion {
		return nil
	}
	changed := false
	for entry := list[aclHead:]; len(entry) > 0; entry = entry[aclEntry:] {
		if tag := binary.LittleEndian.Uint16(entry); tag != aclTagUser && tag != aclTagGrp {
			continue
		}
		old := binary.LittleEndian.Uint32(entry[4:])
		id := base | old%Size
		changed = changed || id != old
		binary.LittleEndian.PutUint32(entry[4:], id)
	}
	if !changed {
		return nil
	}
	return list
}
