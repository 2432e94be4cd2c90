package app

import (
	"testing"
	"testing/fstest"
)

func TestMemory(t *testing.T) {
	const (
		gib     = 1 << 30
		meminfo = "MemTotal:        8388608 kB\nMemFree:          123456 kB\n"
	)
	for _, test := range []struct {
		name  string
		files map[string]string
		want  int64
	}{
		{"nothing is told", nil, assumedMemory},
		{"a machine", map[string]string{"proc/meminfo": meminfo}, 8 * gib},
		{"a machine of no memory", map[string]string{"proc/meminfo": "MemTotal: 0 kB\n"}, assumedMemory},
		{"version 2, a service", map[string]string{
			"proc/meminfo":     meminfo,
			"proc/self/cgroup": "0::/system.slice/shoal.service\n",
			"sys/fs/cgroup/system.slice/shoal.service/memory.max": "1073741824\n",
			"sys/fs/cgroup/system.slice/memory.max":               "max\n",
		}, gib},
		{"version 2, a group around it is smaller", map[string]string{
			"proc/meminfo":                   meminfo,
			"proc/self/cgroup":               "0::/a/b/c\n",
			"sys/fs/cgroup/a/b/c/memory.max": "3221225472\n",
			"sys/fs/cgroup/a/b/memory.max":   "max\n",
			"sys/fs/cgroup/a/memory.max":     "2147483648\n",
		}, 2 * gib},
		{"version 2, another group is smaller", map[string]string{
			"proc/meminfo":                 meminfo,
			"proc/self/cgroup":             "0::/a/b\n",
			"sys/fs/cgroup/a/c/memory.max": "1073741824\n",
			"sys/fs/cgroup/c/memory.max":   "1073741824\n",
		}, 8 * gib},
		{"version 2, a container with a root of its own", map[string]string{
			"proc/meminfo":             meminfo,
			"proc/self/cgroup":         "0::/\n",
			"sys/fs/cgroup/memory.max": "1073741824\n",
		}, gib},
		{"version 2, outside of the root", map[string]string{
			"proc/meminfo":             meminfo,
			"proc/self/cgroup":         "0::/../../init.scope\n",
			"sys/fs/cgroup/memory.max": "1073741824\n",
		}, gib},
		{"version 2, no group is told", map[string]string{
			"proc/meminfo":             meminfo,
			"sys/fs/cgroup/memory.max": "1073741824\n",
		}, gib},
		{"version 1", map[string]string{
			"proc/meminfo":     meminfo,
			"proc/self/cgroup": "5:cpu,cpuacct:/c\n4:pids,memory:/m:1/x\n3:mymemory:/y\n1:name=systemd:/s\n0::/u\n",
			"sys/fs/cgroup/memory/m:1/x/memory.limit_in_bytes": "9223372036854771712\n",
			"sys/fs/cgroup/memory/m:1/memory.limit_in_bytes":   "2147483648\n",
			"sys/fs/cgroup/memory/c/memory.limit_in_bytes":     "1073741824\n",
			"sys/fs/cgroup/memory/y/memory.limit_in_bytes":     "1073741824\n",
		}, 2 * gib},
		{"version 1, a container that sees its path outside", map[string]string{
			"proc/meminfo":     meminfo,
			"proc/self/cgroup": "4:memory:/docker/0123\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "1073741824\n",
		}, gib},
		{"a bound above the machine", map[string]string{
			"proc/meminfo":               meminfo,
			"proc/self/cgroup":           "0::/a\n",
			"sys/fs/cgroup/a/memory.max": "17179869184\n",
		}, 8 * gib},
		{"nonsense", map[string]string{
			"proc/meminfo":             "MemTotal\n",
			"proc/self/cgroup":         "\n0:\n:::\n0::a\nmemory",
			"sys/fs/cgroup/memory.max": "-1\n",
		}, assumedMemory},
	} {
		root := fstest.MapFS{}
		for name, text := range test.files {
			root[name] = &fstest.MapFile{Data: []byte(text)}
		}
		if got := memoryIn(root); got != test.want {
			t.Errorf("%s: %d bytes, want %d", test.name, got, test.want)
		}
	}
}
