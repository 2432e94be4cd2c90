package metrics

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// collector hands the families of a Registry to Prometheus's library.
type collector struct{ registry *Registry }

// Describe says nothing: what there is to tell depends on what is listened on, so
// the library checks each answer instead.
func (collector) Describe(chan<- *prometheus.Desc) {}

// Collect tells the figures of this moment. A family that the format cannot say
// fails the whole answer: half of them would look like a tracker that stands still.
func (c collector) Collect(out chan<- prometheus.Metric) {
	for _, f := range c.registry.families() {
		kind := prometheus.GaugeValue
		if f.Counter {
			kind = prometheus.CounterValue
		}
		for _, s := range f.Samples {
			names, values := make([]string, len(s.Labels)), make([]string, len(s.Labels))
			for i, l := range s.Labels {
				names[i], values[i] = l.Name, l.Value
			}
			// Without a unit, which would have to end the name, and does not in
			// the names of Torrust.
			desc := prometheus.NewDesc(f.Name, f.Help, names, nil)
			metric, err := prometheus.NewConstMetric(desc, kind, s.Value, values...)
			if err != nil {
				metric = prometheus.NewInvalidMetric(desc, fmt.Errorf("metric %s: %w", f.Name, err))
			}
			out <- metric
		}
	}
}
