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

@description('IANA name of the time zone in which the day of a date is taken. Empty: UTC.')
param businessTimeZone string = ''

@description('When accounts are pulled: NCRONTAB with six fields, UTC. Empty: every minute.')
param accountsSchedule string = ''

@description('When contacts are pulled. Empty: every minute.')
param contactsSchedule string = ''

@description('When products are pulled. Empty: every 15 minutes.')
param productsSchedule string = ''

@description('When quotations are pulled. Empty: every minute.')
param quotationsSchedule string = ''

@description('When the sweep runs. Empty: every minute, at its half.')
param sweepSchedule string = ''

@description('When both systems are compared. Empty: on Sundays at 4:00.')
param reconcileSchedule string = ''

@description('When old history is removed. Empty: every day at 3:00.')
param cleanupSchedule string = ''

@description('Settings of the flows by the name of the app setting (docs/settings.md). An empty one has the default of the code.')
param flowSettings object = {
  VALUE_MAPS: ''
  ACCOUNTS_SCOPE: ''
  ACCOUNTS_ON_EXISTING: ''
  ACCOUNTS_PARTY_NUMBER: ''
  ACCOUNTS_DELIVERY_ADDRESS: ''
  ACCOUNTS_ON_HOLD_WHEN_ENDED: ''
  CONTACTS_SCOPE: ''
  CONTACTS_ON_EXISTING: ''
  CONTACTS_PARTY_NUMBER: ''
  CONTACTS_ON_HOLD_WHEN_ENDED: ''
  PRODUCTS_SCOPE: ''
  PRODUCTS_ON_EXISTING: ''
  PRODUCTS_PUBLISH: ''
  PRODUCTS_WHEN_VANISHED: ''
  PRODUCTS_PRICE_ITEMS: ''
  PRODUCTS_ZERO_PRICE: ''
  PRODUCTS_FULL_WALK_DAYS: ''
  QUOTATIONS_SCOPE: ''
  QUOTATIONS_ON_EXISTING: ''
  QUOTATIONS_STATUSES: ''
  QUOTATIONS_REQUESTED_DATE: ''
  UNKNOWN_STATE: ''
  STATE_WITHOUT_LIST: ''
  MAP_COUNTY: ''
  MAP_STREET_NUMBER: ''
  MAX_PARALLELISM: ''
  HINTS_PER_MESSAGE: ''
  BULK_ROWS: ''
  REQUEST_TIMEOUT_S: ''
  CLAIM_MARGIN_S: ''
  GONE_LIMIT_COUNT: ''
  GONE_LIMIT_PERCENT: ''
  CHANGE_LIMIT_PERCENT: ''
  PULL_BUDGET_S: ''
  HISTORY_DAYS: ''
}

@description('How long a function may run: HH:MM:SS. Empty: as in host.json.')
param functionTimeout string = ''

@minValue(1)
@maxValue(1000)
@description('Most instances of each function. Few are enough: both systems limit what one user may ask for.')
param maximumInstanceCount int = 2

@allowed([512, 2048, 4096])
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
@description('Gigabytes of logs a day, after which no more are taken until the next day. An alert tells.')
param dailyCapGb int = 1

@minLength(1)
@description('E-mail address that receives the alerts.')
param alertEmail string

@description('Further e-mail addresses that receive the alerts.')
param moreAlertEmails array = []

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

var tags = { 'azd-env-name': environmentName }
var token = toLower(uniqueString(subscription().id, environmentName, location))

resource group 'Microsoft.Resources/resourceGroups@2024-11-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module network 'network.bicep' = if (useVirtualNetwork) {
  name: 'network'
  scope: group
  params: {
    location: location
    tags: tags
    token: token
  }
}

module storage 'storage.bicep' = {
  name: 'storage'
  scope: group
  params: {
    location: location
    tags: tags
    token: token
    redundancy: storageRedundancy
    isPrivate: useVirtualNetwork
  }
}

module endpoints 'endpoints.bicep' = if (useVirtualNetwork) {
  name: 'endpoints'
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
  name: 'monitoring'
  scope: group
  params: {
    location: location
    tags: tags
    token: token
    retentionDays: retentionDays
    dailyCapGb: dailyCapGb
    alertEmail: alertEmail
    moreAlertEmails: moreAlertEmails
  }
}

module access 'access.bicep' = {
  name: 'access'
  scope: group
  params: {
    location: location
    tags: tags
    token: token
    storageAccountName: storage.outputs.name
    applicationInsightsName: monitoring.outputs.applicationInsightsName
    operatorGroupId: operatorGroupId
  }
}

module app 'app.bicep' = {
  name: 'app'
  scope: group
  params: {
    location: location
    tags: tags
    token: token
    identityId: access.outputs.identityId
    identityClientId: access.outputs.identityClientId
    packageContainerUrl: storage.outputs.packageContainerUrl
    blobEndpoint: storage.outputs.blobEndpoint
    queueEndpoint: storage.outputs.queueEndpoint
    tableEndpoint: storage.outputs.tableEndpoint
    applicationInsightsConnection: monitoring.outputs.applicationInsightsConnection
    subnetId: useVirtualNetwork ? network!.outputs.appSubnetId : ''
    maximumInstanceCount: maximumInstanceCount
    instanceMemoryMB: instanceMemoryMB
    flowSettings: flowSettings
    dataverseUrl: dataverseUrl
    finopsUrl: finopsUrl
    company: company
    businessTimeZone: businessTimeZone
    accountsSchedule: accountsSchedule
    contactsSchedule: contactsSchedule
    productsSchedule: productsSchedule
    quotationsSchedule: quotationsSchedule
    sweepSchedule: sweepSchedule
    reconcileSchedule: reconcileSchedule
    cleanupSchedule: cleanupSchedule
    functionTimeout: functionTimeout
  }
  // With a network of its own the app has no other way to its storage.
  dependsOn: [endpoints]
}

module alerts 'alerts.bicep' = {
  name: 'alerts'
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
  name: 'workbook'
  scope: group
  params: {
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    displayName: 'Prospect to cash: ${environmentName}'
  }
}

output AZURE_LOCATION string = location
output AZURE_TENANT_ID string = tenant().tenantId
output AZURE_RESOURCE_GROUP string = group.name
output STORAGE_ACCOUNT_NAME string = storage.outputs.name
output FUNCTION_APP_NAME string = app.outputs.name
@description('To be entered in both systems: docs/setup.md.')
output SYNC_IDENTITY_CLIENT_ID string = access.outputs.identityClientId
