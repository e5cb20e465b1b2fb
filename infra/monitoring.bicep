// Where logs go, and who is told.
import { Tags } from 'types.bicep'

param location string
param tags Tags
param token string
param applicationInsightsName string
param retentionDays int
param dailyCapGb int
param alertEmail string
param moreAlertEmails string[]

var addresses = concat([alertEmail], moreAlertEmails)

resource workspace 'Microsoft.OperationalInsights/workspaces@2026-03-01' = {
  name: 'log-${token}'
  location: location
  tags: tags
  properties: {
    sku: { name: 'PerGB2018' }
    retentionInDays: retentionDays
    workspaceCapping: { dailyQuotaGb: dailyCapGb }
    features: { disableLocalAuth: true }
  }
}

resource applicationInsights 'Microsoft.Insights/components@2020-02-02' = {
  name: applicationInsightsName
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
    IngestionMode: 'LogAnalytics'
    DisableLocalAuth: true
  }
}

resource actionGroup 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-${token}'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'p2c-sync'
    emailReceivers: [
      for (address, index) in addresses: {
        name: 'receiver-${index}'
        emailAddress: address
        useCommonAlertSchema: true
      }
    ]
  }
}

output workspaceId string = workspace.id
output applicationInsightsConnection string = applicationInsights.properties.ConnectionString
output actionGroupId string = actionGroup.id
