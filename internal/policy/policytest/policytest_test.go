package policytest_test

import (
	"context"
	"testing"

	"github.com/breakwater-project/breakwater/internal/policy"
	"github.com/breakwater-project/breakwater/internal/policy/policytest"
	"github.com/breakwater-project/breakwater/policies"
)

func TestShippedBundles(t *testing.T) {
	b, err := policy.Load(nil, policy.Options{Shipped: policies.FS, Parts: policies.Parts()})
	if err != nil {
		t.Fatal(err)
	}
	report, err := policytest.Run(context.Background(), b, policies.FS)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Failures {
		t.Error(f)
	}
	for _, g := range report.Gaps {
		t.Error(g)
	}
}
