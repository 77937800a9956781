// SPDX-License-Identifier: Apache-2.0

package varlink

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"machined-go/machine/inside"
)

// Types, the class and the response codes of DNS (RFC 1035, RFC 3596).
const (
	typeA      = 1
	typeAAAA   = 28
	classIN    = 1
	rcodeOK    = 0
	rcodeNoDom = 3
)

// settle is how long changes of the names are gathered before they are told.
const settle = 20 * time.Millisecond

// resourceRecord is what the record of any type may have; ours have an address.
const resourceRecord = "key: ResourceKey, priority: ?int, weight: ?int, port: ?int, name: ?string, cpu: ?string, os: ?string, " +
	"items: ?[]string, address: ?[]int, mname: ?string, rname: ?string, serial: ?int, refresh: ?int, retry: ?int, " +
	"expire: ?int, minimum: ?int, exchange: ?string, version: ?int, size: ?int, horiz_pre: ?int, vert_pre: ?int, " +
	"latitude: ?int, longitude: ?int, altitude: ?int, keyTag: ?int, algorithm: ?int, digestType: ?int, " +
	"digest: ?string, fptype: ?int, fingerprint: ?string, flags: ?int, protocol: ?int, dnskey: ?string, " +
	"signer: ?string, typeCovered: ?int, labels: ?int, originalTtl: ?int, expiration: ?int, inception: ?int, " +
	"signature: ?string, nextDomain: ?string, types: ?[]int, iterations: ?int, salt: ?string, hash: ?string, " +
	"certUsage: ?int, selector: ?int, matchingType: ?int, data: ?string, tag: ?string, value: ?string, " +
	"target: ?string, svcparams: ?object, order: ?int, preference: ?int, naptrFlags: ?string, services: ?string, " +
	"regexp: ?string, replacement: ?string"

// hookInterface is the table of io.systemd.Resolve.Hook (systemd 259):
// systemd-resolved asks us for the names of machines.
func hookInterface() *iface {
	return &iface{
		name: "io.systemd.Resolve.Hook",
		types: []typedef{
			{"Answer", "rr: ?ResourceRecord, raw: string"},
			{"Question", "key: ResourceKey"},
			{"ResourceKey", "class: ?int, type: int, name: string"},
			{"ResourceRecord", resourceRecord},
		},
		methods: []method{
			{name: "QueryFilter", out: "filterDomains: ?[]string, filterLabelsMin: ?int, filterLabelsMax: ?int",
				since: 259, run: queryFilter},
			{name: "ResolveRecord", in: "question: []Question", out: "rcode: ?int, answer: ?[]Answer", since: 259, run: resolveRecord},
		},
	}
}

// queryFilter tells which names are ours; to a caller that said "more" again
// whenever they change, as long as he listens.
func queryFilter(c *call) (object, error) {
	var gone <-chan struct{}
	if c.more {
		gone = c.conn.gone()
	}
	for {
		names, changed := c.names.list()
		var o object
		o.strs("filterDomains", names)
		if !c.more {
			return o, nil
		}
		if err := c.part(o); err != nil {
			return nil, err
		}
		select {
		case <-changed:
			time.Sleep(settle)
		case <-gone:
			c.answered = true
			return nil, nil
		}
	}
}

// question is one key of what is asked.
type question struct {
	name        string
	class, kind uint64
}

func (c *call) questions() ([]question, error) {
	list, _ := c.args["question"].([]any)
	if len(list) == 0 {
		return nil, invalidParameter("question")
	}
	var out []question
	for _, v := range list {
		key := v.(map[string]any)["key"].(map[string]any)
		sub := &call{args: key}
		class, given, err := sub.number("class", 0, math.MaxUint16)
		kind, _, err2 := sub.number("type", 0, math.MaxUint16)
		if err != nil || err2 != nil {
			return nil, invalidParameter("question")
		}
		if !given {
			class = classIN
		}
		out = append(out, question{strings.ToLower(strings.TrimSuffix(sub.str("name"), ".")), class, kind})
	}
	return out, nil
}

// resolveRecord answers for the addresses of a machine. Below a machine's name
// there is nothing; what is not a machine's name gets an empty reply, which
// means "ask somebody else".
func resolveRecord(c *call) (o object, err error) {
	asked, err := c.questions()
	if err != nil {
		return nil, err
	}
	mine := false
	var answers []object
	for _, q := range asked {
		name, under := c.names.of(q.name)
		if under {
			o.uint("rcode", rcodeNoDom)
			return o, nil
		}
		if name == "" {
			continue
		}
		list, ok := c.addresses(name)
		if !ok {
			continue
		}
		mine = true
		answers = append(answers, q.answers(list)...)
	}
	if mine {
		o.uint("rcode", rcodeOK)
		o.objects("answer", answers)
	}
	return o, nil
}

// addresses are those of a machine; not ok if it has none of its own.
func (c *call) addresses(name string) (list []inside.Address, ok bool) {
	var err error
	if c.machine, err = c.Manager.Get(name); err != nil {
		return nil, false
	}
	g, err := c.guest()
	if err != nil {
		return nil, false
	}
	defer g.Close()
	list, err = g.Addresses()
	return list, err == nil
}

// answers are the records that a question wants.
func (q question) answers(list []inside.Address) []object {
	var out []object
	for _, a := range list {
		fits := q.kind == typeA && a.Family == unix.AF_INET || q.kind == typeAAAA && a.Family == unix.AF_INET6
		if !fits || q.class != classIN {
			continue
		}
		var key, rr, answer object
		key.uint("class", q.class)
		key.uint("type", q.kind)
		key.str("name", q.name)
		rr.object("key", key)
		rr.bytes("address", a.Bytes)
		answer.object("rr", rr)
		answer.str("raw", base64.StdEncoding.EncodeToString(q.wire(a.Bytes)))
		out = append(out, answer)
	}
	return out
}

// wire is a resource record as DNS sends it, with a time to live of nothing.
func (q question) wire(data []byte) []byte {
	var b []byte
	for label := range strings.SplitSeq(q.name, ".") {
		b = append(append(b, byte(len(label))), label...)
	}
	b = append(b, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(q.kind))
	b = binary.BigEndian.AppendUint16(b, uint16(q.class))
	b = binary.BigEndian.AppendUint32(b, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(len(data)))
	return append(b, data...)
}
