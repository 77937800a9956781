// SPDX-License-Identifier: Apache-2.0

package image

import "io"

// Policy judges the partitions of a disk image by their designators
// (systemd.image-policy(7)). An error refuses the image.
type Policy interface {
	// Use tells whether partitions of a kind, of which there is one, are used or
	// passed over.
	Use(kind string) (bool, error)
	// CheckState judges in which state a kind is: "absent", "unused",
	// "unprotected", "encrypted", "verity" or "signed".
	CheckState(kind, state string) error
	// CheckFlags judges the flags that the partition table has for one.
	CheckFlags(kind string, readOnly, grows bool) error
	// CheckType judges the type of its file system.
	CheckType(kind, fileSystem string) error
}

// lenient is what counts where there is no policy: swap is not used.
type lenient struct{}

func (lenient) Use(kind string) (bool, error)       { return kind != string(kindSwap), nil }
func (lenient) CheckState(string, string) error     { return nil }
func (lenient) CheckFlags(string, bool, bool) error { return nil }
func (lenient) CheckType(string, string) error      { return nil }

// judged are all kinds that policies know, in the order in which they are
// judged, with those that prove them.
var judged = []struct{ kind, verity, signature partitionKind }{
	{kindRoot, kindRootVerity, kindRootVeritySig}, {kindUsr, kindUsrVerity, kindUsrVeritySig},
	{kindHome, "", ""}, {kindSrv, "", ""}, {kindESP, "", ""}, {kindBoot, "", ""}, {kindSwap, "", ""},
	{kindRootVerity, "", ""}, {kindUsrVerity, "", ""}, {kindRootVeritySig, "", ""}, {kindUsrVeritySig, "", ""},
	{kindTmp, "", ""}, {kindVar, "", ""},
}

// check has a policy judge what is on a disk, and what is not; of a disk without
// partitions, as systemd does, only its root.
func (c contents) check(disk io.ReaderAt, policy Policy) error {
	for _, j := range judged {
		if c.single && j.kind != kindRoot {
			continue
		}
		kind, fileSystem := string(j.kind), ""
		p, found := c.found[j.kind]
		if found {
			fileSystem = p.typeOf(disk)
		}
		err := policy.CheckState(kind, c.state(j.kind, j.verity, j.signature, fileSystem))
		if found && err == nil {
			err = policy.CheckFlags(kind, p.readOnly, p.grows)
		}
		if found && err == nil && fileSystem != luks {
			err = policy.CheckType(kind, fileSystem)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// state says what there is of a kind of partition.
func (c contents) state(kind, verity, signature partitionKind, fileSystem string) string {
	_, there := c.found[kind]
	_, proven := c.found[verity]
	_, signed := c.found[signature]
	switch {
	case !there && c.unused[kind]:
		return "unused"
	case !there:
		return "absent"
	case proven && signed:
		return "signed"
	case proven:
		return "verity"
	case fileSystem == luks:
		return "encrypted"
	}
	return "unprotected"
}

// proven tells whether anything on the disk proves the rest.
func (c contents) proven() bool {
	for _, kind := range []partitionKind{kindRootVerity, kindUsrVerity, kindRootVeritySig, kindUsrVeritySig} {
		if _, there := c.found[kind]; there {
			return true
		}
	}
	return false
}
