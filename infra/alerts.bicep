// Who is told when something is wrong. Each rule has a section in docs/runbook.md; the queries are in queries/.
import { AlertRule, Tags } from 'types.bicep'

param location string
param tags Tags
param workspaceId string
param actionGroupId string
param prefix string
param lagLimitMinutes int
param gateClosedLimitMinutes int
param waitingLimitHours int
param pullScheduleMinutes int
param openFailuresGrowth int
param enabled bool

var runbook = 'docs/runbook.md'
var events = loadTextContent('queries/events.kql')
var flowStates = '${events}${loadTextContent('queries/flow_states.kql')}'
// Who resumes a flow is not told at once that it is late: its first pull is still to come.
var restingFlows = '${flowStates}${loadTextContent('queries/resting_flows.kql')}'
var gateStates = '${events}${loadTextContent('queries/gate_states.kql')}'

// Whoever watches for silence looks two days back: an app that has never told anything is not missed, one that is gone is.
var memory = 'P2D'

var rules AlertRule[] = [
  {
    name: 'function-failures'
    text: 'Functions of a flow fail.'
    severity: 2
    every: 'PT5M'
    window: 'PT15M'
    query: loadTextContent('queries/failed_functions.kql')
    measure: 'failures'
    operator: 'GreaterThan'
    threshold: 2
    dimension: 'flow'
  }
  {
    name: 'poison-message'
    text: 'A message failed too often, or a record has met a defect of the sync.'
    severity: 1
    every: 'PT5M'
    window: 'PT15M'
    query: loadTextContent('queries/poison.kql')
    measure: 'messages'
    operator: 'GreaterThan'
    threshold: 0
    dimension: 'flow'
  }
  {
    name: 'poison-stays'
    text: 'Messages are in a poison queue, and its function does not take them.'
    severity: 1
    every: 'PT15M'
    window: 'PT1H'
    query: '${flowStates}${loadTextContent('queries/poison_stays.kql')}'
    measure: 'messages'
    operator: 'GreaterThan'
    threshold: 0
    dimension: 'flow'
  }
  {
    name: 'open-failures-grew'
    text: 'More records than usual are rejected.'
    severity: 2
    every: 'PT15M'
    window: 'PT1H'
    query: '${flowStates}${loadTextContent('queries/failures_grew.kql')}'
    measure: 'growth'
    operator: 'GreaterThanOrEqual'
    threshold: openFailuresGrowth
    dimension: 'flow'
  }
  {
    name: 'lag'
    text: 'A flow is behind its source.'
    severity: 2
    every: 'PT5M'
    window: 'PT30M'
    query: '${restingFlows}${loadTextContent('queries/lag.kql')}'
    measure: 'lag_minutes'
    operator: 'GreaterThan'
    threshold: lagLimitMinutes
    dimension: 'flow'
  }
  {
    name: 'no-successful-pull'
    text: 'A flow was not read for three schedules.'
    severity: 1
    every: 'PT5M'
    window: 'PT${3 * pullScheduleMinutes}M'
    memory: memory
    query: '${flowStates}${replace(loadTextContent('queries/pulls.kql'), 'ago(45m)', 'ago(${3 * pullScheduleMinutes}m)')}'
    measure: 'pulls'
    operator: 'LessThan'
    threshold: 1
    dimension: 'flow'
  }
  {
    name: 'no-sweep'
    text: 'The sweep does not run, and most other alerts are blind.'
    severity: 1
    every: 'PT5M'
    window: 'PT15M'
    memory: memory
    query: '${flowStates}${loadTextContent('queries/sweeps.kql')}'
    measure: 'told'
    operator: 'LessThan'
    threshold: 1
  }
  {
    name: 'gate-closed'
    text: 'A system has not been reachable for too long.'
    severity: 2
    every: 'PT5M'
    window: 'PT15M'
    query: '${gateStates}${loadTextContent('queries/closed_gates.kql')}'
    measure: 'closed_minutes'
    operator: 'GreaterThan'
    threshold: gateClosedLimitMinutes
    dimension: 'system'
  }
  {
    name: 'flow-blocked'
    text: 'A flow waits for an operator: a threshold, another environment, or schema drift.'
    severity: 1
    every: 'PT5M'
    window: 'PT15M'
    query: '${flowStates}${loadTextContent('queries/blocked_flows.kql')}'
    measure: 'blocks'
    operator: 'GreaterThan'
    threshold: 0
    dimension: 'flow'
  }
  {
    name: 'waiting-too-long'
    text: 'A record has waited for another one for too long.'
    severity: 3
    every: 'PT15M'
    window: 'PT15M'
    query: '${flowStates}${loadTextContent('queries/waiting.kql')}'
    measure: 'waiting_hours'
    operator: 'GreaterThan'
    threshold: waitingLimitHours
    dimension: 'flow'
  }
  {
    name: 'access-refused'
    text: 'Storage, the identity endpoint or a system refuses access to the app.'
    severity: 1
    every: 'PT5M'
    window: 'PT15M'
    query: '${events}${loadTextContent('queries/refused.kql')}'
    measure: 'refusals'
    operator: 'GreaterThan'
    threshold: 0
    dimension: 'source'
  }
  {
    name: 'host-stops'
    text: 'The functions host stops again and again: nothing runs.'
    severity: 1
    every: 'PT5M'
    window: 'PT15M'
    query: loadTextContent('queries/host_stops.kql')
    measure: 'stops'
    operator: 'GreaterThan'
    threshold: 1
  }
  {
    name: 'daily-cap'
    text: 'No more logs are accepted today: every other alert is blind.'
    severity: 1
    every: 'PT15M'
    window: 'P1D'
    query: loadTextContent('queries/daily_cap.kql')
    measure: 'stopped'
    operator: 'GreaterThan'
    threshold: 0
  }
]

resource alerts 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = [
  for rule in rules: {
    name: '${prefix}-${rule.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: rule.name
      description: '${rule.text} ${runbook}#${rule.name}'
      enabled: enabled
      severity: rule.severity
      scopes: [workspaceId]
      targetResourceTypes: ['Microsoft.OperationalInsights/workspaces']
      evaluationFrequency: rule.every
      windowSize: rule.window
      overrideQueryTimeRange: rule.?memory
      autoMitigate: true
      // The tables are empty at the first deployment, and an empty table has no columns yet.
      skipQueryValidation: true
      criteria: {
        allOf: [
          {
            query: rule.query
            timeAggregation: 'Maximum'
            metricMeasureColumn: rule.measure
            operator: rule.operator
            threshold: rule.threshold
            dimensions: rule.?dimension == null
              ? []
              : [
                  {
                    name: rule.dimension!
                    operator: 'Include'
                    values: ['*']
                  }
                ]
            failingPeriods: {
              numberOfEvaluationPeriods: 1
              minFailingPeriodsToAlert: 1
            }
          }
        ]
      }
      actions: { actionGroups: [actionGroupId] }
    }
  }
]
