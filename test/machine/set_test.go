// SPDX-License-Identifier: Apache-2.0

package machine_test

import (
	"strings"
	"testing"
)

// What `mctl set` changes is so at once, after the machine's next starts, and where systemd's own tools look.
func TestSet(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		const scope = "machine-deb.scope"
		forget := `rm -rf /etc/machined-go/machines/deb.toml.d /run/machined-go/machines/deb.toml.d`
		t.Cleanup(func() { h.end("deb"); h.Sh(t, forget) })
		want := func(when string, want map[string]string) {
			t.Helper()
			var names []string
			for name := range want {
				names = append(names, name)
			}
			got := h.show(t, scope, names...)
			for name, value := range want {
				if got[name] != value {
					t.Errorf("%s: %s=%s, want %s", when, name, got[name], value)
				}
			}
		}
		h.Sh(t, `mctl set deb memory=300M`)
		h.start(t, "deb")
		want("set before the start", map[string]string{"MemoryMax": "314572800", "TasksMax": "16384"})

		set := `mctl set deb cpu=50% cpu_weight=50 memory=200M memory-high=150M memory_low=1M swap=1M tasks=321 cpus=0 io_weight=77 \
			io_read=/var/lib/machines=1M io_read=/var=3M io_write=/var/lib/machines=2M MemoryMin=1M`
		if out := h.Sh(t, set); out != "" {
			t.Errorf("set says %q", out)
		}
		all := map[string]string{
			"CPUQuotaPerSecUSec": "500ms", "CPUWeight": "50", "MemoryMax": "209715200", "MemoryHigh": "157286400", "MemoryLow": "1048576",
			"MemorySwapMax": "1048576", "TasksMax": "321", "AllowedCPUs": "0", "IOWeight": "77", "MemoryMin": "1048576",
			"IOWriteBandwidthMax": "/var/lib/machines 2097152",
		}
		want("set while it runs", all)
		reads := func() string { return h.Sh(t, `systemctl show `+scope+` -p IOReadBandwidthMax`) }
		if got := reads(); !strings.Contains(got, "/var/lib/machines 1048576") || !strings.Contains(got, "/var 3145728") {
			t.Errorf("read bandwidth: %s", got)
		}
		h.Sh(t, `systemctl daemon-reload`)
		want("after systemd has read all units again", all)
		h.Sh(t, `mctl reboot deb`)
		want("after a reboot", all)
		h.Sh(t, `mctl poweroff deb; mctl start deb`)
		want("after a stop and a start", all)

		h.Sh(t, `mctl set deb io_read=/var=; mctl set deb io_write= cpus= MemoryMin=`)
		want("some taken back", map[string]string{"IOWriteBandwidthMax": "", "MemoryMin": "0", "TasksMax": "321"})
		if got := h.Sh(t, `[[ $(systemctl show -P AllowedCPUs `+scope+`) == "$(cat /sys/devices/system/cpu/possible)" ]] && echo all`); got != "all\n" {
			t.Errorf("processors: %s", got)
		}
		if got := reads(); got != "IOReadBandwidthMax=/var/lib/machines 1048576\n" {
			t.Errorf("read bandwidth: %s", got)
		}

		h.Sh(t, `mctl set --runtime deb memory= tasks=99`)
		passing := map[string]string{"MemoryMax": "infinity", "TasksMax": "99"}
		want("until the host's next start", passing)
		h.Sh(t, `mctl reboot deb; test ! -e /etc/machined-go/machines/deb.toml.d/55-mctl-set-runtime.toml`)
		want("the same after a reboot", passing)
		h.Sh(t, `mctl set deb memory=1G`)
		want("for good again", map[string]string{"MemoryMax": "1073741824", "TasksMax": "99"})

		h.Sh(t, `echo 'read_only = false' >/run/machined-go/machines/deb.toml; systemctl restart machined-go
			rm /run/machined-go/machines/deb.toml`)

		h.Sh(t, `mctl config unset deb resources; mctl config unset --runtime deb resources`)
		want("nothing", map[string]string{
			"CPUQuotaPerSecUSec": "infinity", "CPUWeight": "[not set]", "MemoryMax": "infinity", "MemoryHigh": "infinity", "MemoryLow": "0",
			"MemorySwapMax": "infinity", "TasksMax": "16384", "IOWeight": "[not set]", "IOReadBandwidthMax": "",
		})
		if got := h.Sh(t, `mctl set deb hostname=other memory=1G Delegate=yes`); got != `deb: hostname takes effect at the next start of the machine
deb: resources.properties.Delegate takes effect at the next start of the machine
` {
			t.Errorf("what only a start can change: %s", got)
		}
		h.refused(t, `mctl set deb memory=lots`, `"lots"`)
		h.refused(t, `mctl set deb memroy=1G`, `"memroy"`)
		want("what was refused changed nothing", map[string]string{"MemoryMax": "1073741824"})
	})
}
