package policy

// deniedPorts has a bit for each port: however many are denied, an announce
// pays for one.
type deniedPorts [65536 / 64]uint64

// compileDeniedPorts returns nil where there is nothing to deny. What is not a
// port, which Validate does not let through, is left out.
func compileDeniedPorts(ports []int) *deniedPorts {
	var d *deniedPorts
	for _, port := range ports {
		if port < 0 || port > 65535 {
			continue
		}
		if d == nil {
			d = new(deniedPorts)
		}
		d[port/64] |= 1 << (port % 64)
	}
	return d
}

func (d *deniedPorts) match(port uint16) bool {
	return d[port/64]&(1<<(port%64)) != 0
}
