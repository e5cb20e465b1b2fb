// The state of the sync at a glance. Its queries share their beginnings with the alerts (queries/).
import { Tags } from 'types.bicep'

param location string
param tags Tags
param workspaceId string
param displayName string

var events = loadTextContent('queries/events.kql')
var flowStates = '${events}${loadTextContent('queries/flow_states.kql')}'
var gateStates = '${events}${loadTextContent('queries/gate_states.kql')}'

var charts = [
  {
    title: 'Lag of each flow, in minutes'
    query: '${flowStates}${loadTextContent('queries/lag_over_time.kql')}'
    shown: 'timechart'
  }
  {
    title: 'Records applied in five minutes'
    query: '${events}${loadTextContent('queries/throughput.kql')}'
    shown: 'barchart'
  }
  {
    title: 'Outcomes over time'
    query: '${events}${loadTextContent('queries/outcomes.kql')}'
    shown: 'timechart'
  }
  {
    title: 'Open failures'
    query: '${flowStates}${loadTextContent('queries/open_failures.kql')}'
    shown: 'timechart'
  }
  {
    title: 'Rejected records by cause'
    query: '${events}${loadTextContent('queries/failures_by_cause.kql')}'
    shown: 'table'
  }
  {
    title: 'Minutes for which a system was out of reach'
    query: '${gateStates}${loadTextContent('queries/throttling.kql')}'
    shown: 'timechart'
  }
  {
    title: 'Why gates were closed: throttling and other trouble'
    query: '${events}${loadTextContent('queries/gates_closed.kql')}'
    shown: 'table'
  }
  {
    title: 'Messages in queues'
    query: '${flowStates}${loadTextContent('queries/queues.kql')}'
    shown: 'timechart'
  }
  {
    title: 'Failed functions'
    query: loadTextContent('queries/failed_functions.kql')
    shown: 'table'
  }
]

var timeRange = {
  type: 9
  name: 'parameters'
  content: {
    version: 'KqlParameterItem/1.0'
    style: 'pills'
    parameters: [
      {
        id: guid(workspaceId, 'time-range')
        version: 'KqlParameterItem/1.0'
        name: 'TimeRange'
        label: 'Time'
        type: 4
        isRequired: true
        value: { durationMs: 14400000 }
        typeSettings: {
          selectableValues: [
            { durationMs: 3600000 }
            { durationMs: 14400000 }
            { durationMs: 86400000 }
            { durationMs: 604800000 }
          ]
        }
      }
    ]
  }
}

var items = [
  for (chart, index) in charts: {
    type: 3
    name: 'query-${index}'
    content: {
      version: 'KqlItem/1.0'
      query: chart.query
      size: 0
      title: chart.title
      timeContextFromParameter: 'TimeRange'
      queryType: 0
      resourceType: 'microsoft.operationalinsights/workspaces'
      crossComponentResources: [workspaceId]
      visualization: chart.shown
    }
  }
]

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, 'prospect-to-cash')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: displayName
    category: 'workbook'
    sourceId: workspaceId
    version: 'Notebook/1.0'
    serializedData: string({
      version: 'Notebook/1.0'
      items: concat([timeRange], items)
    })
  }
}
