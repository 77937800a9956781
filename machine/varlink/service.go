// SPDX-License-Identifier: Apache-2.0

package varlink

// serviceInterface is the table of org.varlink.service, which every Varlink
// service has.
func serviceInterface() *iface {
	return &iface{
		name: serviceIf,
		methods: []method{
			{name: "GetInfo", out: "vendor: string, product: string, version: string, url: string, interfaces: []string", run: getInfo},
			{name: "GetInterfaceDescription", in: "interface: string", out: "description: string", run: getDescription},
		},
		errors: []typedef{
			{"InterfaceNotFound", "interface: string"}, {"MethodNotFound", "method: string"}, {"MethodNotImplemented", "method: string"},
			{"InvalidParameter", "parameter: string"}, {name: "PermissionDenied"}, {name: "ExpectedMore"},
		},
	}
}

func getInfo(c *call) (o object, err error) {
	o.str("vendor", "machined-go")
	o.str("product", "machined-go")
	o.str("version", c.Version)
	o.str("url", "")
	var names []string
	for _, i := range c.conn.face.ifaces {
		names = append(names, i.name)
	}
	o.strs("interfaces", names)
	return o, nil
}

func getDescription(c *call) (o object, err error) {
	i := c.conn.face.find(c.str("interface"))
	if i == nil {
		return nil, failWith(serviceIf+".InterfaceNotFound", "interface", c.str("interface"))
	}
	o.str("description", i.describe())
	return o, nil
}

// systemInterface names the errors that systemd's libraries know besides an
// interface's own.
func systemInterface() *iface {
	return &iface{name: "io.systemd", errors: []typedef{
		{name: "Disconnected"}, {name: "TimedOut"}, {name: "Protocol"},
		{"System", "origin: ?string, errnoName: ?string, errno: ?int"},
	}}
}

// controlInterface is the table of io.systemd.service: what can be asked of
// every service of systemd's.
func controlInterface() *iface {
	root := guard{root: true}
	return &iface{
		name: "io.systemd.service",
		methods: []method{
			{name: "Ping", run: func(*call) (object, error) { return nil, nil }},
			{name: "Reload", in: interactive, since: 262},
			{name: "SetLogLevel", in: "level: ?int", guard: root, since: 258, run: setLogLevel},
			{name: "GetLogLevel", out: "level: int", since: 262, run: func(c *call) (o object, err error) {
				o.uint("level", uint64(c.Level.Syslog()))
				return o, nil
			}},
			{name: "GetEnvironment", out: "environment: ?[]string", guard: root, since: 258, run: func(c *call) (o object, err error) {
				o.strs("environment", c.Environ)
				return o, nil
			}},
		},
		errors: []typedef{{name: "InconsistentEnvironment"}},
	}
}

func setLogLevel(c *call) (object, error) {
	level, given, err := c.number("level", 0, 7)
	if err != nil || !given {
		return nil, invalidParameter("level")
	}
	c.Level.SetSyslog(int(level))
	return nil, nil
}
