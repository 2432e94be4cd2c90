package app

import (
	"net/netip"
	"slices"
	"strconv"

	"github.com/shoal-tracker/shoal/internal/api"
	"github.com/shoal-tracker/shoal/internal/metrics"
)

// families are the figures of this moment: what Torrust has a name for under that
// name, and what it has none for under names that begin with shoal. What would not
// be true under its name is left out.
func (a *App) families() []metrics.Family {
	var s api.Stats
	a.swarmStats(&s)
	return slices.Concat(
		udpFamilies(a.udpCounts()), a.httpFamilies(), browserFamilies(a.browsers.Counters()),
		swarmFamilies(a.swarm.Totals(), &s), a.connectionFamilies(), a.processFamilies(),
	)
}

func counter(name, help string, samples ...metrics.Sample) metrics.Family {
	return metrics.Family{Name: name, Help: help, Unit: metrics.Count, Counter: true, Samples: sum(samples)}
}

func gauge(name, help string, samples ...metrics.Sample) metrics.Family {
	return metrics.Family{Name: name, Help: help, Unit: metrics.Count, Samples: sum(samples)}
}

// in says the unit of a family that is no count.
func in(unit string, f metrics.Family) metrics.Family {
	f.Unit = unit
	return f
}

// sample is a figure with its labels; those may come in parts.
func sample(value uint64, labels ...[]metrics.Label) metrics.Sample {
	return metrics.Sample{Labels: slices.Concat(labels...), Value: float64(value)}
}

func labels(namesAndValues ...string) (all []metrics.Label) {
	for i := 0; i < len(namesAndValues); i += 2 {
		all = append(all, metrics.Label{Name: namesAndValues[i], Value: namesAndValues[i+1]})
	}
	return all
}

func requestKind(kind string) []metrics.Label { return labels("request_kind", kind) }

// sum adds up samples with the same labels: two sections may have all labels in
// common that are known of each.
func sum(samples []metrics.Sample) (sums []metrics.Sample) {
	for _, s := range samples {
		i := slices.IndexFunc(sums, func(o metrics.Sample) bool { return slices.Equal(o.Labels, s.Labels) })
		if i < 0 {
			sums = append(sums, s)
			continue
		}
		sums[i].Value += s.Value
	}
	return sums
}

// inet is a family of addresses under its name in Torrust's labels.
func inet(v4 bool) string {
	if v4 {
		return "inet"
	}
	return "inet6"
}

// client says the family of the clients' addresses. They are of no other type than
// plain: IPv4 in IPv6 is taken out of it on arrival.
func client(v4 bool) []metrics.Label {
	return labels("client_address_ip_family", inet(v4), "client_address_ip_type", "plain")
}

// binding says where requests came in. Where that may have been one of several
// addresses, it says what they have in common.
func binding(protocol string, addrs ...netip.AddrPort) []metrics.Label {
	all := labels("server_binding_protocol", protocol)
	add := func(name string, of func(netip.AddrPort) string) {
		if len(addrs) == 0 || slices.ContainsFunc(addrs, func(a netip.AddrPort) bool { return of(a) != of(addrs[0]) }) {
			return
		}
		all = append(all, metrics.Label{Name: name, Value: of(addrs[0])})
	}
	add("server_binding_ip", func(a netip.AddrPort) string { return a.Addr().Unmap().String() })
	add("server_binding_port", func(a netip.AddrPort) string { return strconv.Itoa(int(a.Port())) })
	add("server_binding_address_ip_family", func(a netip.AddrPort) string { return inet(a.Addr().Unmap().Is4()) })
	add("server_binding_address_ip_type", func(netip.AddrPort) string { return "plain" })
	return all
}
