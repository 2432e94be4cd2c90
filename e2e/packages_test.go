//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// debianPackages holds, for each program and file that the tests use, the
// package it is in.
var debianPackages = map[string]string{
	"aria2c":              "aria2",
	"chromium":            "chromium",
	"haproxy":             "haproxy",
	"ip":                  "iproute2",
	"mariadb-install-db":  "mariadb-server-core",
	"mariadbd":            "mariadb-server-core",
	"my_print_defaults":   "mariadb-client-core",
	"nginx":               "nginx-light",
	nginxStream:           "libnginx-mod-stream",
	"node":                "nodejs",
	"npm":                 "npm",
	postgresPrograms:      "postgresql",
	"qbittorrent-nox":     "qbittorrent-nox",
	systemPython:          "python3",
	pythonModules:         "python3-venv",
	"setpriv":             "util-linux",
	"transmission-daemon": "transmission-daemon",
}

// find looks for a program, or for a file by its whole path, which may be a
// pattern.
func find(name string) error {
	if filepath.IsAbs(name) {
		found, err := filepath.Glob(name)
		if err == nil && len(found) == 0 {
			err = fmt.Errorf("%s: %w", name, os.ErrNotExist)
		}
		return err
	}
	_, err := exec.LookPath(name)
	return err
}

// installPackages installs the programs that are missing.
func installPackages() error {
	var missing []string
	for name, pkg := range debianPackages {
		if find(name) != nil {
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
	for name, pkg := range debianPackages {
		if err := find(name); err != nil {
			return fmt.Errorf("%s is missing though %s is installed: %w", name, pkg, err)
		}
	}
	return nil
}
