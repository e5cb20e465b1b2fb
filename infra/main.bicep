// Everything that one deployment of the sync needs, in one resource group. Parameters come from main.parameters.json, which
// azd fills from its environment (docs/infrastructure.md).
targetScope = 'subscription'

@minLength(1)
@maxLength(64)
@description('Name of the azd environment; part of every name.')
param environmentName string

@minLength(1)
@metadata({ azd: { type: 'location' } })
@description('Region; one that offers Functions Flex Consumption with Python.')
param location string

@minLength(1)
@description('Environment of Dynamics 365 Sales, as https://HOST.')
param dataverseUrl string

@minLength(1)
@description('Environment of Finance & Operations, as https://HOST.')
param finopsUrl string

@minLength(1)
@maxLength(4)
@description('Legal entity of F&O (dataAreaId), such as usmf.')
param company string

@description('Settings by the name of the app setting (docs/settings.md). An empty one has the default of the code.')
param settings { *: string } = {}

@minValue(1)
@maxValue(1000)
@description('Most instances of each function. Few are enough: both systems limit what one user may ask for. If you raise it, raise batchSize of host.json too: the platform starts an instance for each batchSize messages that wait.')
param maximumInstanceCount int = 2

@allowed([2048, 4096])
@description('Memory of an instance, in MB.')
param instanceMemoryMB int = 2048

@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_GZRS'])
@description('Redundancy of the storage account, which holds links and checkpoints.')
param storageRedundancy string = 'Standard_ZRS'

@minValue(30)
@maxValue(730)
@description('Days for which logs are kept.')
param retentionDays int = 30

@minValue(1)
@description('Gigabytes of logs a day, after which no more are accepted until the next day. An alert reports it.')
param dailyCapGb int = 1

@minLength(1)
@description('E-mail address that receives the alerts.')
param alertEmail string

@description('Further e-mail addresses that receive the alerts.')
param moreAlertEmails string[] = []

@description('Whether alerts are on.')
param alertsEnabled bool = true

@minValue(1)
@description('Alert: minutes for which a flow may be behind its source.')
param lagLimitMinutes int = 30

@minValue(1)
@description('Alert: minutes for which a system may be out of reach.')
param gateClosedLimitMinutes int = 15

@minValue(1)
@description('Alert: hours for which a record may wait for another one.')
param waitingLimitHours int = 24

@minValue(1)
@description('Alert: further open failures of a flow within an hour.')
param openFailuresGrowth int = 10

@allowed([5, 10, 15, 20, 40, 60])
@description('Alert: minutes between two pulls of the slowest flow. Three times as long without a pull is too long.')
param pullScheduleMinutes int = 15

@description('Object id of a group of operators who may read and change the state of the sync. Empty: no such group.')
param operatorGroupId string = ''

@description('Whether storage is reached through a virtual network of its own only.')
param useVirtualNetwork bool = false

@description('Whether the storage account, which holds the links, is locked against deletion.')
param lockStorage bool = false

var tags = { 'azd-env-name': environmentName }
var token = uniqueString(subscription().id, environmentName, location)
var storageAccountName = 'st${token}'
var applicationInsightsName = 'appi-${token}'

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module network 'network.bicep' = if (useVirtualNetwork) {
  scope: group
  params: {
    location: location
    tags: tags
    token: token
  }
}

module storage 'storage.bicep' = {
  scope: group
  params: {
    location: location
    tags: tags
    name: storageAccountName
    redundancy: storageRedundancy
    isPrivate: useVirtualNetwork
    isLocked: lockStorage
  }
}

module endpoints 'endpoints.bicep' = if (useVirtualNetwork) {
  scope: group
  params: {
    location: location
    tags: tags
    token: token
    storageAccountId: storage.outputs.id
    networkId: network!.outputs.networkId
    subnetId: network!.outputs.endpointSubnetId
  }
}

module monitoring 'monitoring.bicep' = {
  scope: group
  params: {
    location: location
    tags: tags
    token: token
    applicationInsightsName: applicationInsightsName
    retentionDays: retentionDays
    dailyCapGb: dailyCapGb
    alertEmail: alertEmail
    moreAlertEmails: moreAlertEmails
  }
}

module identity 'identity.bicep' = {
  scope: group
  params: {
    location: location
    tags: tags
    name: 'id-${token}'
  }
}

module access 'access.bicep' = {
  scope: group
  params: {
    storageAccountName: storageAccountName
    applicationInsightsName: applicationInsightsName
    // A preview cannot name the assignments, for the id is known once the identity exists. A name without it would clash
    // with what a former identity has left behind.
    #disable-next-line what-if-short-circuiting
    appPrincipalId: identity.outputs.principalId
    operatorGroupId: operatorGroupId
  }
  dependsOn: [storage, monitoring]
}

module app 'app.bicep' = {
  scope: group
  params: {
    location: location
    tags: tags
    token: token
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    packageContainerUrl: storage.outputs.packageContainerUrl
    blobEndpoint: storage.outputs.blobEndpoint
    queueEndpoint: storage.outputs.queueEndpoint
    tableEndpoint: storage.outputs.tableEndpoint
    applicationInsightsConnection: monitoring.outputs.applicationInsightsConnection
    subnetId: useVirtualNetwork ? network!.outputs.appSubnetId : ''
    maximumInstanceCount: maximumInstanceCount
    instanceMemoryMB: instanceMemoryMB
    dataverseUrl: dataverseUrl
    finopsUrl: finopsUrl
    company: company
    settings: settings
  }
  // At its first start the app has its roles and, with a network of its own, the way to its storage.
  dependsOn: [access, endpoints]
}

module alerts 'alerts.bicep' = {
  scope: group
  params: {
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    actionGroupId: monitoring.outputs.actionGroupId
    prefix: 'alert-${token}'
    lagLimitMinutes: lagLimitMinutes
    gateClosedLimitMinutes: gateClosedLimitMinutes
    waitingLimitHours: waitingLimitHours
    pullScheduleMinutes: pullScheduleMinutes
    openFailuresGrowth: openFailuresGrowth
    enabled: alertsEnabled
  }
}

module workbook 'workbook.bicep' = {
  scope: group
  params: {
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    displayName: 'Prospect to cash: ${environmentName}'
  }
}

// azd keeps them in its environment: what it has asked for is there for the next deployment and for p2c.
output DATAVERSE_URL string = dataverseUrl
output FINOPS_URL string = finopsUrl
output COMPANY string = company
output AZURE_LOCATION string = location
output AZURE_TENANT_ID string = tenant().tenantId
output AZURE_RESOURCE_GROUP string = group.name
output STORAGE_ACCOUNT_NAME string = storageAccountName
output FUNCTION_APP_NAME string = app.outputs.name
@description('To be entered in both systems: docs/setup.md.')
output SYNC_IDENTITY_CLIENT_ID string = identity.outputs.clientId
