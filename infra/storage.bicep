// The storage account: state, queues, and the deployed package. Reached by identities only.
import { Tags } from 'types.bicep'

param location string
param tags Tags
@minLength(3)
@maxLength(24)
param name string
param redundancy string
param isPrivate bool
param isLocked bool

var packageContainer = 'app-package'
// From the code: `make infra` writes the file.
var names = loadJsonContent('names.json')

resource storage 'Microsoft.Storage/storageAccounts@2026-06-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: redundancy }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    // An app without a network of its own has no fixed address that could be let in alone.
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: isPrivate ? 'Deny' : 'Allow'
    }
  }
}

resource blobService 'Microsoft.Storage/storageAccounts/blobServices@2026-06-01' = {
  parent: storage
  name: 'default'
  properties: {
    // The host writes a status for each timer every minute, and each former one is kept for as long.
    deleteRetentionPolicy: { enabled: true, days: 1 }
    containerDeleteRetentionPolicy: { enabled: true, days: 7 }
  }
}

resource container 'Microsoft.Storage/storageAccounts/blobServices/containers@2026-06-01' = {
  parent: blobService
  name: packageContainer
  properties: { publicAccess: 'None' }
}

resource queueService 'Microsoft.Storage/storageAccounts/queueServices@2026-06-01' = {
  parent: storage
  name: 'default'
}

resource queues 'Microsoft.Storage/storageAccounts/queueServices/queues@2026-06-01' = [
  for queue in names.queues: {
    parent: queueService
    name: queue
  }
]

resource tableService 'Microsoft.Storage/storageAccounts/tableServices@2026-06-01' = {
  parent: storage
  name: 'default'
}

resource stateTables 'Microsoft.Storage/storageAccounts/tableServices/tables@2026-06-01' = [
  for table in names.tables: {
    parent: tableService
    name: table
  }
]

// The links between both systems cannot be restored, only found again (docs/setup.md).
resource lock 'Microsoft.Authorization/locks@2020-05-01' = if (isLocked) {
  scope: storage
  name: 'no-deletion'
  properties: {
    level: 'CanNotDelete'
    notes: 'Holds the links between both systems.'
  }
}

output id string = storage.id
output packageContainerUrl string = '${storage.properties.primaryEndpoints.blob}${packageContainer}'
output blobEndpoint string = storage.properties.primaryEndpoints.blob
output queueEndpoint string = storage.properties.primaryEndpoints.queue
output tableEndpoint string = storage.properties.primaryEndpoints.table
