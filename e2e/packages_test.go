//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
)

// debianPackages holds, for each program the tests run, the package it is in.
var debianPackages = map[string]string{
	"aria2c":              "aria2",
	"ip":                  "iproute2",
	"qbittorrent-nox":     "qbittorrent-nox",
	"transmission-daemon": "transmission-daemon",
}

// installPackages installs the programs that are missing.
func installPackages() error {
	var missing []string
	for program, pkg := range debianPackages {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, pkg)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	install := append([]string{"install", "--yes", "--no-install-recommends"}, missing...)
	for _, args := range [][]string{{"update"}, install} {
		cmd := exec.Command("apt-get", args...)
		// Run level 1: what is installed does not start its daemons.
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s for %v: %w\n%s", args[0], missing, err, out)
		}
	}
	for program, pkg := range debianPackages {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%s is missing though %s is installed: %w", program, pkg, err)
		}
	}
	return nil
}
