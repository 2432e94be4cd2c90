package app

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
)

// assumedMemory is taken where the machine does not tell its memory.
const assumedMemory = 2 << 30

// machineMemory returns the memory this process may use in bytes: that of the
// machine, or less where the control group of the process, or one around it,
// has a bound.
func machineMemory() int64 { return memoryIn(os.DirFS("/")) }

// memoryIn is machineMemory for the files below root.
func memoryIn(root fs.FS) int64 {
	memory := int64(assumedMemory)
	if text, err := fs.ReadFile(root, "proc/meminfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			var kib int64
			if n, _ := fmt.Sscanf(line, "MemTotal: %d kB", &kib); n == 1 && kib > 0 {
				memory = kib << 10
			}
		}
	}
	for _, name := range boundFiles(root) {
		text, err := fs.ReadFile(root, name)
		if err != nil {
			continue
		}
		// "max" is no number and no bound.
		if bound, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && bound > 0 {
			memory = min(memory, bound)
		}
	}
	return memory
}

// boundFiles returns the files that may bound the memory of this process: that
// of its control group and of every group around it, of version 2 and 1. A
// container may see the path that its group has outside of it: what is not
// there is passed over, and the root is the group of the container then.
func boundFiles(root fs.FS) (names []string) {
	const mount2, file2 = "sys/fs/cgroup", "memory.max"
	const mount1, file1 = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
	groups, _ := fs.ReadFile(root, "proc/self/cgroup") // without it, the roots alone
	for line := range strings.Lines(string(groups) + "0::/\n0:memory:/\n") {
		// number:controllers:path, and a path may have colons.
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(fields) < 3 {
			continue
		}
		mount, file := mount2, file2
		if fields[1] != "" {
			if mount, file = mount1, file1; !isMemory(fields[1]) {
				continue
			}
		}
		for group := path.Clean("/" + fields[2]); ; group = path.Dir(group) {
			names = append(names, path.Join(mount, group, file))
			if group == "/" {
				break
			}
		}
	}
	return names
}

// isMemory reports whether a list of controllers has the one of memory.
func isMemory(controllers string) bool {
	return strings.Contains(","+controllers+",", ",memory,")
}
