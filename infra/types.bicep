// The types that the templates share.

@export()
@description('What every resource carries: azd finds its resources by it.')
type Tags = {
  'azd-env-name': string
}

@export()
@description('App settings by name; an empty one has the default of the code (docs/settings.md).')
type Settings = {
  *: string
}

@export()
@description('One alert: a rule fires for each value of its dimension of which the measure is beyond the threshold.')
type AlertRule = {
  @description('Name of the rule, and of its section in docs/runbook.md.')
  name: string
  text: string
  severity: 0 | 1 | 2 | 3 | 4
  @description('How often it is asked (ISO 8601).')
  every: string
  @description('What it looks at (ISO 8601).')
  window: string
  @description('What its query sees, where that is more than the window (ISO 8601, at most two days).')
  memory: string?
  query: string
  @description('Column of the query that is compared with the threshold.')
  measure: string
  operator: 'GreaterThan' | 'GreaterThanOrEqual' | 'LessThan'
  threshold: int
  @description('Column that tells flows or systems apart; none where there is nothing to tell apart.')
  dimension: string?
}
